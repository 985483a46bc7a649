// Checks the schemas of the two kinds of files with ajv: every sample of deploy/ and every built-in
// scenario passes, every file of bad/ and bad_scenarios/ fails where its first line says; and the
// pipelines of deploy/ (ci_samples.mjs). Run by `node validate.mjs`; exit code 1 when something is
// not as expected.
import {readFileSync, readdirSync} from 'node:fs';
import {join} from 'node:path';
import Ajv2020 from 'ajv/dist/2020.js';
import {checkCiSamples} from './ci_samples.mjs';

const here = import.meta.dirname ?? new URL('.', import.meta.url).pathname;
const root = join(here, '..', '..');

// The text without // and /* */ comments; line breaks stay, so that positions in errors are right.
export function stripComments(text) {
  let result = '';
  for (let i = 0; i < text.length;) {
    if (text[i] === '"') {
      const start = i++;
      while (i < text.length && text[i] !== '"') i += text[i] === '\\' ? 2 : 1;
      result += text.slice(start, ++i);
    } else if (text.startsWith('//', i)) {
      while (i < text.length && text[i] !== '\n') ++i;
    } else if (text.startsWith('/*', i)) {
      const end = text.indexOf('*/', i + 2);
      const comment = text.slice(i, end < 0 ? text.length : end + 2);
      result += comment.replace(/[^\n]/g, ' ');
      i += comment.length;
    } else {
      result += text[i++];
    }
  }
  return result;
}

let passed = 0;
let failed = 0;
function expect(what, good, detail = '') {
  if (good) {
    ++passed;
  } else {
    ++failed;
    console.error(`FAILED: ${what}${detail ? `: ${detail}` : ''}`);
  }
}

for (const [text, wanted] of [
  ['{"a": 1} // end', '{"a": 1} '],
  ['{"a": "http://x"}', '{"a": "http://x"}'],
  ['{"a": "/* no */"}', '{"a": "/* no */"}'],
  ['{"a\\"//": 1}', '{"a\\"//": 1}'],
  ['{/* two\nlines */}', '{      \n        }'],
  ['{"a": "\\\\"} // end', '{"a": "\\\\"} '],
]) {
  const got = stripComments(text);
  expect(`comments of ${JSON.stringify(text)}`, got === wanted, JSON.stringify(got));
}

// Types stand beside each rule in these schemas; `default` is documentation; `required` under `if`
// and `not` asks for keys that are defined outside of it.
function compiled(file) {
  const ajv = new Ajv2020(
    {allErrors: true, strict: true, strictRequired: false, allowUnionTypes: true});
  const validate = ajv.compile(JSON.parse(readFileSync(join(root, file), 'utf8')));
  return (name) => {
    const value = JSON.parse(stripComments(readFileSync(name, 'utf8')));
    return validate(value) ? [] : validate.errors;
  };
}

const told = (errors) => errors.map((error) => `${error.instancePath} ${error.message}`).join(', ');
const jsonFiles = (folder) => readdirSync(folder).filter((name) => name.endsWith('.json'));

function check(schema, good, fewest, bad) {
  const problems = compiled(schema);
  const samples = jsonFiles(join(root, good));
  expect(`${good}/ has samples`, samples.length >= fewest);
  for (const name of samples) {
    const found = problems(join(root, good, name));
    expect(`${good}/${name}`, found.length === 0, told(found));
  }
  const wrong = jsonFiles(join(here, bad));
  expect(`${bad}/ has files`, wrong.length >= 15);
  for (const name of wrong) {
    const file = join(here, bad, name);
    const [, where] = /^\/\/ expect: (.*)$/m.exec(readFileSync(file, 'utf8')) ?? [];
    const found = problems(file);
    expect(`${bad}/${name} fails at "${where}"`,
      where !== undefined && found.some((error) => error.instancePath === where),
      found.length ? told(found) : 'it passed');
  }
}

check('config/schema.json', 'deploy', 4, 'bad');
check('rehearsal/scenario/schema.json', 'rehearsal/scenarios', 20, 'bad_scenarios');

await checkCiSamples(here, root, expect);

console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
