/** What providers have to rent, in one shape, and which of it a run may take. */
import type { ComputeNeed } from './run.ts';

export const STOCK_LEVELS = ['high', 'medium', 'low', 'unknown', 'none'] as const;

export interface Offer {
  /** the provider's own name of it: what a request for a machine sends back */
  readonly key: string;
  /** as the provider writes it: `NVIDIA H100 80GB HBM3` */
  readonly gpuType: string;
  readonly gpus: number;
  /** of one GPU */
  readonly gpuMemoryGb: number;
  /** the provider's: a data center, a region, a country */
  readonly region: string;
  readonly spot: boolean;
  /** of the whole machine, disk included where the provider says */
  readonly usdPerHour: number;
  /** advisory everywhere: a machine may be refused all the same */
  readonly stock: (typeof STOCK_LEVELS)[number];
  /** the machine or its owner, where the provider names one: a broken one is not taken twice */
  readonly host: string | null;
  /** US dollars for a gigabyte that leaves the machine, and one that enters it; 0 where neither is charged */
  readonly usdPerGbOut: number;
  readonly usdPerGbIn: number;
  /** not checked by the provider: taken only where the operator allows it */
  readonly isUnverified: boolean;
}

export interface Wish {
  readonly need: ComputeNeed;
  /** of all GPUs together, estimated where the run says nothing */
  readonly memoryGb: number;
  /** hosts that failed this run: never again. Offers, where the provider names no host: last of all */
  readonly avoid: ReadonlySet<string>;
  readonly allowUnverified: boolean;
}

export interface Chosen {
  /** cheapest first; of the same price those that are likelier there */
  readonly offers: readonly Offer[];
  /** why others were not taken, in sentences with counts */
  readonly refusals: readonly string[];
  /** nothing the provider ever has would do: asking again is no use, where its list is whole */
  readonly isHopeless: boolean;
}

/** A reason not to take an offer. `lasting`: it would be so tomorrow as well. */
interface Filter {
  readonly says: string;
  readonly lasting: boolean;
  readonly takes: (offer: Offer) => boolean;
}

/** @param offers what a provider lists, out of stock included */
export function chooseOffers(offers: readonly Offer[], wish: Wish): Chosen {
  let left = offers;
  const refusals: string[] = [];
  let couldDo = offers;
  for (const { says, lasting, takes } of filtersOf(wish)) {
    if (lasting) couldDo = couldDo.filter(takes);
    const kept = left.filter(takes);
    const refused = left.length - kept.length;
    if (refused > 0) refusals.push(`${refused} ${refused === 1 ? 'offer' : 'offers'} ${says}`);
    left = kept;
  }
  const isTried = ({ key }: Offer): number => Number(wish.avoid.has(key));
  return { offers: left.toSorted((a, b) => isTried(a) - isTried(b) || byPrice(a, b)), refusals, isHopeless: couldDo.length === 0 };
}

function filtersOf({ need, memoryGb, avoid, allowUnverified }: Wish): Filter[] {
  const { gpuType, gpusPerNode, region, spot, maxUsdPerHour } = need;
  const wanted = gpusPerNode ?? 1;
  return [
    { says: `without ${wanted} GPU${wanted === 1 ? '' : 's'}`, lasting: true, takes: ({ gpus }) => gpus === wanted },
    { says: spot ? 'not interruptible' : 'interruptible', lasting: true, takes: (offer) => offer.spot === spot },
    ...(gpuType === null
      ? []
      : [{ says: `of another GPU than ${gpuType}`, lasting: true, takes: (offer: Offer) => isOfType(offer, gpuType) }]),
    {
      says: `below ${memoryGb} GB of GPU memory`,
      lasting: true,
      takes: ({ gpus, gpuMemoryGb }) => gpus * gpuMemoryGb >= memoryGb * MEMORY_TOLERANCE,
    },
    ...(region === null ? [] : [{ says: `outside ${region}`, lasting: true, takes: (offer: Offer) => isInRegion(offer, region) }]),
    { says: 'of unverified hosts', lasting: !allowUnverified, takes: ({ isUnverified }) => allowUnverified || !isUnverified },
    { says: 'out of stock', lasting: false, takes: ({ stock }) => stock !== 'none' },
    ...(maxUsdPerHour === null
      ? []
      : [{ says: `above ${maxUsdPerHour} USD an hour`, lasting: false, takes: ({ usdPerHour }: Offer) => usdPerHour <= maxUsdPerHour }]),
    { says: 'of hosts that failed this run before', lasting: false, takes: ({ host }) => host === null || !avoid.has(host) },
  ];
}

/** A card of 80 GB shows 79.6 and is called 80; one of 24 is listed as 24,564 MB by one provider and as 24 GB by another. */
const MEMORY_TOLERANCE = 0.97;

/** By the words of the name: `H100` takes `NVIDIA H100 80GB HBM3` and `1x H100 (80 GB SXM5)`, `rtx_4090` takes `RTX 4090`; `A10` takes no `A100`. */
export function isOfType({ gpuType }: Pick<Offer, 'gpuType'>, wanted: string): boolean {
  const words = new Set(wordsOf(gpuType));
  return wordsOf(wanted).every((word) => words.has(word));
}

const wordsOf = (name: string): string[] => name.toLowerCase().match(/[a-z]+\d*[a-z]*|\d+[a-z]*/g) ?? [];

/** A region of the provider's, or the beginning of one: `US` takes `US-TX-3`, `us-east-1` and `Texas, US`. */
function isInRegion({ region }: Offer, wanted: string): boolean {
  const given = region.toLowerCase();
  const asked = wanted.toLowerCase();
  return given === asked || given.startsWith(`${asked}-`) || given.endsWith(`, ${asked}`);
}

const byPrice = (a: Offer, b: Offer): number =>
  a.usdPerHour - b.usdPerHour || STOCK_LEVELS.indexOf(a.stock) - STOCK_LEVELS.indexOf(b.stock) || (a.key < b.key ? -1 : 1);

/** `H100 in US-TX-3 for 2.69 USD an hour` */
export const describeOffer = ({
  gpuType,
  gpus,
  region,
  usdPerHour,
  spot,
}: Pick<Offer, 'gpuType' | 'gpus' | 'region' | 'usdPerHour' | 'spot'>): string =>
  `${gpus > 1 ? `${gpus} x ` : ''}${gpuType} in ${region} for ${usdPerHour.toFixed(2)} USD an hour${spot ? ', interruptible' : ''}`;
