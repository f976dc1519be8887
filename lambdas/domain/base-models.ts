import type { BaseModel } from './training.ts';

/** A base model as its user would name it. */
export function nameOfBase(base: BaseModel): string {
  switch (base.kind) {
    case 'tiny-llama':
      return 'tiny-llama';
    case 'hub':
      return base.id;
    case 'path':
      return base.path;
    case 'made':
      return base.id;
  }
}

/** Ids of what runs made: a run, an artifact or a checkpoint. No model of the hub can have such a name. */
export const isMadeId = (name: string): boolean => /^(?:run_[0-9a-z]{26}|(?:art|ckpt)_[0-9a-z]{26}_[a-z0-9]+)$/.test(name);
