// Prints what the official validators find wrong with the OpenAPI and the AsyncAPI document.
import { readFileSync } from 'node:fs';
import { Parser } from '@asyncapi/parser';
import { createConfig, lint } from '@redocly/openapi-core';

const HINT = 2;
const [openapi, asyncapi] = process.argv.slice(2);

const config = await createConfig({ extends: ['recommended'] });
for (const problem of await lint({ ref: openapi, config })) {
  console.log(`${problem.ruleId}: ${problem.message} ${problem.location[0].pointer}`);
}
const { diagnostics } = await new Parser().parse(readFileSync(asyncapi, 'utf8'));
for (const problem of diagnostics.filter((each) => each.severity < HINT)) {
  console.log(`${problem.code}: ${problem.message} ${problem.path.join('.')}`);
}
