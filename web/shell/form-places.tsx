import { DataPage } from '../data/data-page.tsx';
import { MachinesPage } from '../machines/machines-page.tsx';
import { ProjectPage } from '../projects/project-page.tsx';
import { ProjectsPage } from '../projects/projects-page.tsx';
import { StartPage } from '../start/start-page.tsx';
import type { PlaceProps } from './shell.tsx';

/** The places that are tables and forms: fetched together. */
export function FormPlace({ place, id }: PlaceProps) {
  switch (place) {
    case 'new':
      return <StartPage />;
    case 'projects':
      return id === '' ? <ProjectsPage /> : <ProjectPage key={id} id={id} />;
    case 'machines':
      return <MachinesPage />;
    default:
      return <DataPage />;
  }
}
