import type { BaseModel } from './run-folder.ts';

/** A base model as its user would name it. */
export function nameOfBase(base: BaseModel): string {
  switch (base.kind) {
    case 'tiny-llama':
      return 'tiny-llama';
    case 'hub':
      return base.id;
    case 'path':
      return base.path;
  }
}
