// Checks the pipelines of deploy/: the GitHub one with GitHub's own parser and its schema, the Azure
// one with azure-pipelines.json, which says why it is ours. Each check also refuses a spoilt copy.
import {readFileSync} from 'node:fs';
import {register} from 'node:module';
import {join} from 'node:path';
import {parse} from 'yaml';
import Ajv2020 from 'ajv/dist/2020.js';

// The parser imports its schema without saying that it is JSON, which Node asks for.
register('data:text/javascript,' + encodeURIComponent(`export const load = (url, context, next) =>
  next(url, url.endsWith('.json') ? {...context, importAttributes: {type: 'json'}} : context);`));
const {NoOperationTraceWriter, convertWorkflowTemplate, parseWorkflow} =
  await import('@actions/workflow-parser');

async function githubProblems(content) {
  const parsed = parseWorkflow({name: 'rehearsal.yml', content}, new NoOperationTraceWriter());
  const problems = parsed.context.errors.getErrors().map((error) => error.message);
  if (problems.length > 0) return problems;
  const template = await convertWorkflowTemplate(parsed.context, parsed.value);
  return (template.errors ?? []).map((error) => error.Message);
}

function azureProblems(here) {
  const schema = JSON.parse(readFileSync(join(here, 'azure-pipelines.json'), 'utf8'));
  const validate = new Ajv2020({allErrors: true, strict: false}).compile(schema);
  return (content) => validate(parse(content)) ? [] :
    validate.errors.map((error) => `${error.instancePath} ${error.message}`);
}

export async function checkCiSamples(here, root, expect) {
  const samples = [
    ['github-actions-rehearsal.yml', githubProblems,
      [['container:', 'contaner:'], ['inputs.scenarios', 'nosuch.scenarios'], ['uses: actions/checkout', 'use: actions/checkout'],
        ['cron: "17 5 * * 1"', 'cron: "17 25 * * 1"']]],
    ['azure-pipelines-rehearsal.yml', azureProblems(here),
      [['vmImage', 'vmImag'], ['testResultsFormat', 'testResultFormat'], ['- publish:', '- publsh:'], ['steps:', 'step:'],
        ['cron: "17 5 * * 1"', 'cron: monday']]],
  ];
  for (const [name, problemsOf, spoilings] of samples) {
    const content = readFileSync(join(root, 'deploy', name), 'utf8');
    const found = await problemsOf(content);
    expect(`deploy/${name}`, found.length === 0, found.join('; '));
    for (const [right, wrong] of spoilings) {
      const spoilt = content.replace(right, wrong);
      expect(`deploy/${name} with "${wrong}" is refused`,
        spoilt !== content && (await problemsOf(spoilt)).length > 0);
    }
  }
}
