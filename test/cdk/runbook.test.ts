/** Every alarm has an article that says what to do, and its text leads there. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import * as z from 'zod';
import { SynthesizedStage } from './synthesized-stage.ts';

const alarmSchema = z.looseObject({ AlarmName: z.string(), AlarmDescription: z.string() });
const PARTS = ['What', 'Meanwhile', 'Do'];

let alarms: z.infer<typeof alarmSchema>[];
/** by heading */
let articles: Map<string, string>;

beforeAll(() => {
  const everything = new SynthesizedStage({ subscribers: ['210987654321'], runbook: 'https://wiki.example.com/runbook' });
  alarms = z.array(alarmSchema).parse(everything.properties('AWS::CloudWatch::Alarm'));
  const [, ...sections] = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'runbook.md'), 'utf8').split(/^## /m);
  articles = new Map(sections.map((section) => [section.slice(0, section.indexOf('\n')), section.slice(section.indexOf('\n'))]));
});

const nameOf = ({ AlarmName }: { AlarmName: string }): string => AlarmName.replace(/^tuneplane-dev-/, '');

test('there is an article for each alarm, and for nothing else', () => {
  expect([...articles.keys()].sort()).toEqual(alarms.map(nameOf).sort());
});

test('an article says what it is, what works meanwhile, and what to do', () => {
  for (const [name, text] of articles) expect(text.match(/^\*\*(\w+)\.\*\*/gm), name).toEqual(PARTS.map((part) => `**${part}.**`));
});

test('what an alarm says is a sentence, and ends in a link to its article', () => {
  for (const alarm of alarms)
    expect(alarm.AlarmDescription).toMatch(new RegExp(`^[A-Z][^.]+\\. What to do: https://wiki\\.example\\.com/runbook#${nameOf(alarm)}$`));
});

test('a link from one article to another leads to one', () => {
  const links = [...articles.values()].flatMap((text) => [...text.matchAll(/\]\(#([^)]+)\)/g)].map(([, target]) => target));

  expect(links.length).toBeGreaterThan(0);
  for (const target of links) expect([...articles.keys()]).toContain(target);
});

test('what the runbook tells to type is there: functions by their logs, the state machine, commands', () => {
  const text = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'runbook.md'), 'utf8');
  const { scripts } = z
    .object({ scripts: z.record(z.string(), z.string()) })
    .parse(JSON.parse(readFileSync(join(import.meta.dirname, '..', '..', 'package.json'), 'utf8')));
  const stage = new SynthesizedStage();
  const logs = Object.keys(stage.resources('AWS::Logs::LogGroup'));
  const parts = /`part` is the function in one word: ([^.]+)\./.exec(text)?.[1]?.match(/\w+/g) ?? [];

  expect(parts.length).toBeGreaterThan(10);
  for (const part of parts)
    expect(
      logs.some((id) => new RegExp(`^Functions${part}Logs[0-9A-F]{8}$`).test(id)),
      part,
    ).toBe(true);
  expect(stage.properties('AWS::StepFunctions::StateMachine')).toEqual([
    expect.objectContaining({ StateMachineName: 'tuneplane-dev-runs' }),
  ]);
  for (const [, command = ''] of text.matchAll(/npm run ([\w-]+)/g)) expect(Object.keys(scripts)).toContain(command);
});
