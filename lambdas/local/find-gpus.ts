import { execFileSync } from 'node:child_process';

export interface Gpu {
  /** as CUDA counts them */
  readonly index: number;
  /** as its maker calls it: `NVIDIA H100 80GB HBM3` */
  readonly name: string;
  readonly memoryGb: number;
}

const MIB_A_GB = 1_024;

/** GPUs of this machine; none where there is no driver. */
export function findGpus(): Gpu[] {
  try {
    const list = execFileSync('nvidia-smi', ['--query-gpu=index,name,memory.total', '--format=csv,noheader,nounits'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: 10_000,
    });
    return list.split('\n').flatMap((line) => {
      const [, index, name, mebibytes] = /^\s*(\d+),\s*(.+?),\s*(\d+)\s*$/.exec(line) ?? [];
      if (index === undefined || name === undefined) return [];
      return [{ index: Number(index), name, memoryGb: Math.round((Number(mebibytes) / MIB_A_GB) * 10) / 10 }];
    });
  } catch {
    return []; // no nvidia-smi: no GPU that could be used
  }
}
