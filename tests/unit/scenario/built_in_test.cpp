// The files that are compiled in, the starter, and the schema that editors use.
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "config/explain.hpp"
#include "config/words.hpp"
#include "rehearsal/scenario/adopt.hpp"
#include "rehearsal/scenario/words.hpp"
#include "support.hpp"

namespace scenario {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::good;
using testing::lines;

const fs::path root = UNDERSTUDY_SOURCE_DIR;

std::string file_text(const fs::path& path) {
  std::ifstream file{path, std::ios::binary};
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(BuiltIn, FilesAreAllThereAsTheyAre) {
  std::set<std::string> files;
  for (const auto& entry : fs::directory_iterator(root / "rehearsal" / "scenarios"))
    if (entry.path().extension() == ".json") files.insert(entry.path().stem());
  std::vector<std::string> names;
  for (const BuiltIn& one : built_in_scenarios()) {
    names.emplace_back(one.name);
    EXPECT_EQ(one.text, file_text(root / "rehearsal" / "scenarios" / (names.back() + ".json")));
  }
  EXPECT_EQ(names, (std::vector<std::string>{files.begin(), files.end()}));
  EXPECT_GE(names.size(), 20u);
}

TEST(BuiltIn, FilesParseWithoutAnyIssue) {
  for (const BuiltIn& one : built_in_scenarios()) {
    const ParseResult result = testing::parse(std::string{one.text});
    EXPECT_EQ(lines(result), "") << one.name;
    ASSERT_TRUE(result.scenario) << one.name;
    EXPECT_EQ(result.scenario->name, one.name);
    EXPECT_FALSE(result.scenario->title.empty()) << one.name;
    EXPECT_FALSE(result.scenario->about.empty()) << one.name;
    const auto proxy =
        config::parse_text(proxy_config(*result.scenario, {}), "", testing::no_outside());
    EXPECT_TRUE(proxy.config) << one.name << "\n" << config::to_text(proxy.issues);
  }
}

TEST(BuiltIn, NamesAreFoundAndSlipsAreUnderstood) {
  ASSERT_TRUE(find_built_in("primary-freeze"));
  EXPECT_FALSE(find_built_in("primary-freze"));
  EXPECT_EQ(nearest_built_in("primary-freze"), "primary-freeze");
  EXPECT_EQ(nearest_built_in("zzzzzzzzzzzz"), "");
}

config::ParseResult reader_config(const std::string& more, const std::string& url) {
  config::Environment environment;
  environment.file = [](const std::string&) { return std::string("-----BEGIN CERTIFICATE-----"); };
  return config::parse_text("{" + more + R"("endpoints": [{"name": "weu", "url": ")" + url +
                                R"("}, {"name": "neu", "url": "https://neu.example.com"}]})",
                            "mine.json", environment);
}

TEST(Starter, ParsesForEveryPresetAndPromisesWhatTheProfileComputes) {
  for (const std::string& more :
       {std::string{}, std::string{R"("probe": {"preset": "traffic-manager"},)"},
        std::string{R"("durable": {"task_hub": "per_region"}, "failback": {"mode": "manual"},)"},
        std::string{R"("stickiness": {"ttl": "3m", "on_degraded": "hold"},)"}}) {
    const auto parsed = reader_config(more, "https://weu.example.com");
    ASSERT_TRUE(parsed.config) << config::to_text(parsed.issues);
    const std::string text = starter(*parsed.config, "mine.json\n\"}");
    const ParseResult result = testing::parse(text);
    ASSERT_TRUE(result.scenario) << lines(result) << text;
    EXPECT_EQ(lines(result), "");
    EXPECT_EQ(result.scenario->topology.endpoints[0].name, "weu");
    EXPECT_EQ(std::get<Fault>(result.scenario->steps[0]).target, "weu");
    const auto worst = config::compute_times(*parsed.config).worst;
    EXPECT_GE(*result.scenario->objectives.detect, worst.detect_frozen) << text;
    EXPECT_LT(*result.scenario->objectives.detect, worst.detect_frozen + 4s) << text;
    EXPECT_GE(std::get<Fault>(result.scenario->steps[0]).lasts, worst.failover_sticky) << text;
    const auto own =
        config::parse_text(proxy_config(*result.scenario, {}), "", testing::no_outside());
    ASSERT_TRUE(own.config) << config::to_text(own.issues);
    EXPECT_LE(config::compute_times(*own.config).worst.detect_frozen, worst.detect_frozen) << text;
  }
}

// Which words the schema has for a key, wherever it is.
void words_of(const json& node, const std::string& key, std::set<std::string>& words) {
  if (node.is_array())
    for (const json& inside : node) words_of(inside, key, words);
  if (!node.is_object()) return;
  if (node.contains("properties") && node["properties"].contains(key)) {
    const json& found = node["properties"][key];
    if (found.contains("const") && found["const"].is_string()) words.insert(found["const"]);
    if (found.contains("enum"))
      for (const json& word : found["enum"]) words.insert(word);
  }
  for (const auto& [name, inside] : node.items()) words_of(inside, key, words);
}

template <class E>
std::set<std::string> all_words() {
  std::set<std::string> words;
  for (const auto& word : config::words_of<E>()) words.emplace(word.text);
  return words;
}

TEST(Schema, HasTheWordsOfTheParser) {
  const json value = json::parse(schema());
  std::set<std::string> faults, operations, hubs, verdicts;
  words_of(value, "fault", faults);
  words_of(value, "operate", operations);
  words_of(value, "task_hub", hubs);
  words_of(value, "expect", verdicts);
  EXPECT_EQ(faults, all_words<FaultKind>());
  EXPECT_EQ(operations, all_words<Operation>());
  EXPECT_EQ(hubs, all_words<config::TaskHub>());
  EXPECT_EQ(verdicts, all_words<Expected>());
}

// A file with one unknown key in each object: the parser lists what it knows there.
TEST(Schema, HasTheKeysOfTheParser) {
  const json value = json::parse(schema());
  const auto keys_of = [](const json& object) {
    std::set<std::string> keys;
    for (const auto& [key, inside] : object.at("properties").items()) keys.insert(key);
    return keys;
  };
  const json& top = value.at("properties");
  const std::map<std::string, std::set<std::string>> of_schema{
      {"", keys_of(value)},
      {"topology.", keys_of(top["topology"])},
      {"topology.endpoints[0].", keys_of(top["topology"]["properties"]["endpoints"]["items"])},
      {"topology.endpoints[0].stand_in.",
       keys_of(top["topology"]["properties"]["endpoints"]["items"]["properties"]["stand_in"])},
      {"topology.storage[0].", keys_of(top["topology"]["properties"]["storage"]["items"])},
      {"topology.processes[0].", keys_of(top["topology"]["properties"]["processes"]["items"])},
      {"objectives.", keys_of(top["objectives"])},
      {"steady.", keys_of(top["steady"])},
      {"load.", keys_of(top["load"])}};
  const std::string z = "\"zzzzzzzzzzzzzzzzzz\": 1";
  const ParseResult result = testing::parse(
      "{" + z + ", \"topology\": {" + z + ", \"endpoints\": [{" + z + ", \"stand_in\": {" + z +
      "}}], \"storage\": [{" + z + "}], \"processes\": [{" + z + "}]}, \"objectives\": {" + z +
      "}, \"steady\": {" + z + "}, \"load\": {" + z + "}}");
  std::map<std::string, std::set<std::string>> of_parser;
  for (const config::Issue& issue : result.issues) {
    const std::size_t cut = issue.path.find("zzz");
    if (cut == std::string::npos) continue;
    std::stringstream words{issue.hint.substr(issue.hint.find(':') + 1)};
    for (std::string word; words >> word;) {
      if (word.ends_with(',')) word.pop_back();
      of_parser[issue.path.substr(0, cut)].insert(word);
    }
  }
  EXPECT_EQ(of_parser, of_schema);
}

TEST(Schema, BadFilesOfItsOwnTestAreRefusedHereToo) {
  int files = 0;
  for (const auto& entry : fs::directory_iterator(root / "tests" / "schema" / "bad_scenarios")) {
    ++files;
    EXPECT_FALSE(scenario::parse_file(entry.path(), config::Environment{}).scenario)
        << entry.path();
  }
  EXPECT_GE(files, 15);
}

}  // namespace
}  // namespace scenario
