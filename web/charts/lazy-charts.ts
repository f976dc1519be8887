import { lazy } from '../parts/lazy.tsx';

export const LazyCharts = lazy(async () => (await import('./chart-place.tsx')).ChartPlace);
