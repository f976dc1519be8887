/**
 * The exponential moving average that TensorBoard draws, its start not pulled towards zero: smooth = last / (1 - weight^n).
 * Source: tensorboard/components/vz_line_chart2/line-chart.ts, `resmoothDataset`.
 * @param weight 0 (the values themselves) to below 1
 */
export function smooth(values: readonly number[], weight: number): number[] {
  if (weight <= 0) return [...values];
  let last = 0;
  let debias = 1;
  return values.map((value) => {
    last = last * weight + (1 - weight) * value;
    debias *= weight;
    return last / (1 - debias);
  });
}
