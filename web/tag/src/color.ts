// Colours that can be read: what was designed, or what comes next to it.

const ENOUGH = 4.5; // WCAG 2.2, 1.4.3

function luminance(color: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const share = parseInt(color.slice(at, at + 2), 16) / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

export function contrast(one: string, other: string): number {
  const [low = 0, high = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}

const isColor = (color: string): boolean => /^#[0-9a-f]{6}$/i.test(color);

/** Background and text: the text is black or white where the designed one could not be read. */
export function readable(background: string, text: string): [string, string] {
  const back = isColor(background) ? background : "#0b5cad";
  if (isColor(text) && contrast(back, text) >= ENOUGH) return [back, text];
  return [back, contrast(back, "#ffffff") >= contrast(back, "#000000") ? "#ffffff" : "#000000"];
}
