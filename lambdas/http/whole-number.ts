import * as z from 'zod';

const DIGITS = /^\d{1,16}$/;

/** A whole number in a query: digits and nothing else, so that `1e3`, ` 5` and `0x10` are none. @param schema what it must be, with its default */
export const wholeNumber = <Schema extends z.ZodType<number | undefined>>(schema: Schema) =>
  z.preprocess((given) => (typeof given === 'string' && DIGITS.test(given) ? Number(given) : given), schema);
