/** What a CSS variable is at this moment, as a colour that a canvas understands. */
const probe = document.createElement('span');
probe.hidden = true;
document.body.append(probe);

export function cssColour(variable: string): string {
  probe.style.color = `var(${variable})`;
  return getComputedStyle(probe).color;
}
