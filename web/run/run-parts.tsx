import { CheckpointsPart } from './checkpoints-part.tsx';
import { EventsPart } from './events-part.tsx';
import { FilesPart } from './files-part.tsx';
import { LogPart } from './log/log-part.tsx';
import { ParametersPart } from './parameters-part.tsx';
import type { PartProps } from './run-page.tsx';
import { SamplesPart } from './samples-part.tsx';

const PARTS = {
  log: LogPart,
  checkpoints: CheckpointsPart,
  samples: SamplesPart,
  files: FilesPart,
  parameters: ParametersPart,
  events: EventsPart,
} as const;

/** The parts of a run's page beside its curves: fetched together. */
export function RunPart({ name, ...props }: PartProps & { readonly name: string }) {
  const Part = Object.entries(PARTS).find(([part]) => part === name)?.[1] ?? EventsPart;
  return <Part {...props} />;
}
