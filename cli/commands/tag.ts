import { Argument } from '@commander-js/extra-typings';
import { type Command, describeExamples } from '../command.ts';
import { oneOf } from '../option-words.ts';
import type { Session } from '../session.ts';
import words from '../words.json' with { type: 'json' };

export const define = (command: Command, session: Session) =>
  command
    .description('Tag a result or a checkpoint. What is tagged is kept: no cleaning takes it. Tags add up, in order.')
    .argument('<artifact>', 'id of an artifact or a checkpoint ("artifacts ls"), or of a run: its adapter or model')
    .addArgument(new Argument('<tag>', `one of ${words.tags.join(', ')}`).choices(words.tags).argParser((text) => oneOf(words.tags, text)))
    .option('--notes <text>', 'kept with the tag')
    .addHelpText(
      'after',
      describeExamples([
        { line: 'tag last release --notes "passed the review"', about: 'the adapter of the newest run' },
        { line: 'tag ckpt_01..._000100 candidate', about: 'a checkpoint' },
      ]),
    )
    .action(async (reference, tag, { notes }) => {
      const [plane, { findArtifact }, { tagArtifact }] = await Promise.all([
        session.plane(),
        import('../artifacts/find-artifact.ts'),
        import('../plane/projects.ts'),
      ]);
      const place = await findArtifact(plane, reference);
      const artifact = await tagArtifact(plane, place, { tag, ...(notes !== undefined && { notes }) });
      session.print(
        'tag',
        artifact,
        (colors) => `${artifact.id}  ${artifact.name}  ${colors.green(artifact.tags.map(({ value }) => value).join(', '))}`,
      );
    });
