// Checks config/schema.json with ajv: every sample of deploy/ passes, every file of bad/ fails where
// its first line says. Run by `node validate.mjs`; exit code 1 when something is not as expected.
import {readFileSync, readdirSync} from 'node:fs';
import {basename, join} from 'node:path';
import Ajv2020 from 'ajv/dist/2020.js';

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

const schema = JSON.parse(readFileSync(join(root, 'config', 'schema.json'), 'utf8'));
// Types stand beside each rule in this schema; `default` is documentation.
const ajv = new Ajv2020({allErrors: true, strict: true, allowUnionTypes: true});
const validate = ajv.compile(schema);

function problems(file) {
  const value = JSON.parse(stripComments(readFileSync(file, 'utf8')));
  return validate(value) ? [] : validate.errors;
}

const samples = readdirSync(join(root, 'deploy')).filter((name) => name.endsWith('.json'));
expect('deploy/ has samples', samples.length >= 4);
for (const name of samples) {
  const found = problems(join(root, 'deploy', name));
  expect(`deploy/${name}`, found.length === 0, ajv.errorsText(found));
}

const bad = readdirSync(join(here, 'bad')).filter((name) => name.endsWith('.json'));
expect('bad/ has files', bad.length >= 15);
for (const name of bad) {
  const file = join(here, 'bad', name);
  const [, where] = /^\/\/ expect: (.*)$/m.exec(readFileSync(file, 'utf8')) ?? [];
  const found = problems(file);
  expect(`bad/${basename(name)} fails at "${where}"`,
    where !== undefined && found.some((error) => error.instancePath === where),
    found.length ? ajv.errorsText(found) : 'it passed');
}

console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
