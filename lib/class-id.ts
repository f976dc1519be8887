/** `a10g-spot` is ClassA10gSpot: what the logical ids of its resources begin with. A class keeps its resources for as long as it keeps its name. */
export const toClassId = (name: string): string =>
  `Class${name
    .split('-')
    .map((part) => part.charAt(0).toUpperCase() + part.slice(1))
    .join('')}`;
