/** What may stand where the cursor is: commands, options, their values, runs, datasets, files. Read from the commands themselves. */
import type { Command } from '../command.ts';
import type { Program } from '../program.ts';
import { candidatesOf } from './candidates.ts';

export interface Candidate {
  readonly word: string;
  readonly about: string;
}

export interface Completion {
  readonly candidates: readonly Candidate[];
  /** names of files may stand there, too */
  readonly takesFiles: boolean;
}

const NOTHING: Completion = { candidates: [], takesFiles: false };

/** @param words what stands on the line after the program's name; the last is the one to complete, and may be empty */
export async function completeWords(program: Program, words: readonly string[]): Promise<Completion> {
  const current = words.at(-1) ?? '';
  const { command, operands, awaiting } = await readWords(program, words.slice(0, -1));
  const found = await find(program, { command, operands, awaiting, current });
  return { ...found, candidates: found.candidates.filter(({ word }) => word.startsWith(current)) };
}

interface Place {
  readonly command: Command;
  readonly operands: readonly string[];
  /** the option whose value comes next */
  readonly awaiting: Option | null;
  readonly current: string;
}

type Option = Command['options'][number];

async function readWords(program: Program, words: readonly string[]): Promise<Omit<Place, 'current'>> {
  let command = program.command as Command;
  let operands: string[] = [];
  let awaiting: Option | null = null;
  for (const word of words) {
    if (awaiting) awaiting = null;
    else if (word.startsWith('-')) awaiting = word.includes('=') ? null : takesValue(findOption(command, word));
    else {
      const next = operands.length === 0 ? command.commands.find((sub) => sub.name() === word || sub.aliases().includes(word)) : undefined;
      if (next) {
        if (command === program.command) await program.load(next.name());
        command = next as Command;
      } else operands = [...operands, word];
    }
  }
  return { command, operands, awaiting };
}

const takesValue = (option: Option | undefined): Option | null => (option?.required ? option : null);

/** Its own, then those of the program. */
function optionsOf(command: Command): Option[] {
  const chain: Option[] = [];
  for (let at: Command | null = command; at; at = at.parent as Command | null) chain.push(...at.options.filter(({ hidden }) => !hidden));
  return chain;
}

const findOption = (command: Command, word: string): Option | undefined =>
  optionsOf(command).find(({ long, short }) => word === long || word === short);

async function find(program: Program, { command, operands, awaiting, current }: Place): Promise<Completion> {
  if (awaiting) return valuesOf(program, awaiting.attributeName(), awaiting.argChoices);
  const [, name, text] = /^(--[^=]+)=(.*)$/s.exec(current) ?? [];
  if (name !== undefined && text !== undefined) {
    const option = findOption(command, name);
    if (!option) return NOTHING;
    const { candidates } = await valuesOf(program, option.attributeName(), option.argChoices);
    return { candidates: candidates.map(({ word, about }) => ({ word: `${name}=${word}`, about })), takesFiles: false };
  }
  if (current.startsWith('-'))
    return {
      candidates: optionsOf(command).map(({ long, short, description }) => ({ word: long ?? short ?? '', about: firstOf(description) })),
      takesFiles: false,
    };
  const subcommands =
    operands.length === 0
      ? command.commands.filter((sub) => !isHidden(sub)).map((sub) => ({ word: sub.name(), about: sub.summary() }))
      : [];
  // `artifacts <run>` is `artifacts ls <run>`.
  const byDefault = subcommands.length > 0 && command !== program.command ? (command.commands[0] as Command) : command;
  const slots = byDefault.registeredArguments;
  const argument = slots[operands.length] ?? (slots.at(-1)?.variadic ? slots.at(-1) : undefined);
  const values = argument ? await valuesOf(program, argument.name(), argument.argChoices) : NOTHING;
  return { candidates: [...subcommands, ...values.candidates], takesFiles: values.takesFiles };
}

const isHidden = (command: object): boolean => '_hidden' in command && command._hidden === true;

const firstOf = (description: string): string => description.split(/[;:]/)[0] ?? '';

async function valuesOf(program: Program, name: string, choices: readonly string[] | undefined): Promise<Completion> {
  if (choices) return { candidates: choices.map((word) => ({ word, about: '' })), takesFiles: false };
  return candidatesOf(program.session, name);
}
