// config/schema.json and the parser know the same keys, words, ranges and defaults, and the samples
// of deploy/ and the bad files of the schema's own test mean the same to both.
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "config/explain.hpp"
#include "support.hpp"

namespace config {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

const fs::path root = UNDERSTUDY_SOURCE_DIR;

const json& schema() {
  static const json value = json::parse(testing::file_text(root / "config" / "schema.json"));
  return value;
}

const json& followed(const json& node) {
  if (!node.contains("$ref")) return node;
  const std::string reference = node["$ref"];  // "#/$defs/probe"
  return schema().at(json::json_pointer(reference.substr(1)));
}

// Leaves of the schema by the parser's paths; secrets and words are leaves though they branch.
void collect(const json& node, const std::string& path, std::map<std::string, json>& leaves) {
  const json& target = followed(node);
  if (target.contains("properties")) {
    EXPECT_EQ(target.value("additionalProperties", true), false) << path;
    for (const auto& [key, inside] : target["properties"].items())
      collect(inside, path.empty() ? key : path + "." + key, leaves);
  } else if (target.value("type", "") == "array" &&
             followed(target["items"]).contains("properties")) {
    collect(target["items"], path + "[]", leaves);
  } else {
    leaves[path] = node;
  }
}

std::map<std::string, json> schema_leaves() {
  std::map<std::string, json> leaves;
  collect(schema(), "", leaves);
  return leaves;
}

TEST(Schema, AndParserKnowTheSameKeys) {
  std::set<std::string> parser, file;
  for (const KeyInfo& key : all_keys()) parser.insert(key.path);
  for (const auto& [path, leaf] : schema_leaves()) file.insert(path);
  EXPECT_EQ(file, parser);
}

TEST(Schema, StatesTheDefaultsOfTheStructs) {
  const auto leaves = schema_leaves();
  // By URL or by order, so no single default: the struct's is only a start.
  const std::set<std::string> decided{"endpoints[].priority", "endpoints[].peer",
                                      "endpoints[].auth"};
  for (const KeyInfo& key : all_keys()) {
    const json& leaf = leaves.at(key.path);
    const std::string stated = !leaf.contains("default")     ? ""
                               : leaf["default"].is_string() ? leaf["default"].get<std::string>()
                                                             : leaf["default"].dump();
    EXPECT_EQ(stated, decided.contains(key.path) ? "" : key.fallback) << key.path;
  }
}

TEST(Schema, StatesTheParsersRangesAndWords) {
  const auto leaves = schema_leaves();
  for (const KeyInfo& key : all_keys()) {
    const json& leaf = leaves.at(key.path);
    if (key.kind == "integer" || key.kind == "number") {
      EXPECT_EQ(leaf["type"], key.kind) << key.path;
      EXPECT_EQ(leaf["minimum"].get<double>(), std::stod(key.min)) << key.path;
      EXPECT_EQ(leaf["maximum"].get<double>(), std::stod(key.max)) << key.path;
    } else if (key.kind == "word") {
      std::vector<std::string> words;
      for (const json& word : leaf["anyOf"][0]["enum"])
        if (word.is_string()) words.push_back(word);
      EXPECT_EQ(words, key.words) << key.path;
    } else if (key.kind == "boolean") {
      EXPECT_EQ(leaf["type"], "boolean") << key.path;
    } else if (key.kind == "duration" || key.kind == "rate" || key.kind == "secret") {
      EXPECT_EQ(leaf["$ref"], "#/$defs/" + key.kind) << key.path;
    }
  }
}

TEST(Schema, SaysWhatIsNotInThisVersion) {
  const auto leaves = schema_leaves();
  for (const KeyInfo& key : all_keys()) {
    if (!leaves.at(key.path).contains("description") || key.path.starts_with("admin.tokens"))
      continue;
    const std::string text = leaves.at(key.path)["description"];
    EXPECT_EQ(text.find("Not in this version.") != std::string::npos, key.later) << key.path;
  }
}

std::vector<fs::path> json_files(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path().extension() == ".json") files.push_back(entry.path());
  return files;
}

TEST(Samples, OfDeployAreWithoutErrors) {
  testing::Outside outside;
  outside.variables = {
      {"ORDERS_CLIENT_KEY", "c"}, {"WEU_DURABLE_KEY", "w"}, {"NEU_DURABLE_KEY", "n"}};
  const std::string pem = "-----BEGIN CERTIFICATE-----";
  Environment environment = outside.environment();
  environment.file = [&](const std::string& path) -> std::optional<std::string> {
    return path.ends_with(".pem") ? pem : testing::file_text(path);
  };
  const auto files = json_files(root / "deploy");
  EXPECT_GE(files.size(), 4u);
  for (const fs::path& file : files) {
    const ParseResult result = parse_file(file, environment);
    EXPECT_TRUE(result.config) << file << "\n" << testing::lines(result);
    for (const Issue& issue : result.issues)  // only what is not built yet may be pointed out
      EXPECT_EQ(issue.rule, "not in this version") << to_text(issue);
  }
}

TEST(Samples, OfTheDemoAreTwoAppsOnOneHub) {
  const ParseResult result = parse_file(root / "deploy" / "understudy.json", Environment{});
  ASSERT_TRUE(result.config) << testing::lines(result);
  EXPECT_EQ(testing::lines(result), "");
  EXPECT_EQ(result.config->durable.task_hub, TaskHub::shared);
  EXPECT_EQ(result.config->endpoints.at(0).url.origin(), "http://127.0.0.1:7071");
  EXPECT_EQ(result.config->endpoints.at(1).url.origin(), "http://127.0.0.1:7072");
  EXPECT_TRUE(result.config->endpoints[0].probe.durable);
}

TEST(BadFiles, OfTheSchemaTestAreRefusedHereToo) {
  const auto files = json_files(root / "tests" / "schema" / "bad");
  EXPECT_GE(files.size(), 15u);
  for (const fs::path& file : files) EXPECT_FALSE(parse_file(file, Environment{}).config) << file;
}

}  // namespace
}  // namespace config
