import { ComparePage } from '../compare/compare-page.tsx';
import { CurvesPart } from '../run/curves-part.tsx';
import type { PartProps } from '../run/run-page.tsx';

/** What draws charts, fetched together with the library that draws: the comparison, and the curves of a run. */
export const ChartPlace = (props: PartProps | { readonly run: null }) => (props.run === null ? <ComparePage /> : <CurvesPart {...props} />);
