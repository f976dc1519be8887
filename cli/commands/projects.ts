import { type Command, describeExamples } from '../command.ts';
import { gather } from '../option-words.ts';
import type { Session } from '../session.ts';

export function define(command: Command, session: Session): void {
  command.description('Projects: runs that belong together, with a base and hyperparameters of their own.').usage('[command]');
  command
    .command('ls', { isDefault: true })
    .summary('list them')
    .description('List projects, newest first; runs made outside of projects are in proj_default.')
    .addHelpText('after', describeExamples([{ line: 'projects', about: '' }]))
    .action(async () => {
      const [plane, { listProjects }, { describeProjects }] = await load(session);
      const projects = await listProjects(plane);
      session.print('projects ls', projects, (colors) => describeProjects(projects, colors, session.terminalColumns));
    });
  command
    .command('show')
    .summary('look at one')
    .description('Show a project with its newest runs.')
    .argument('<project>', 'id of the project')
    .addHelpText('after', describeExamples([{ line: 'projects show proj_default', about: '' }]))
    .action(async (id) => {
      const [plane, { getProject }, { describeProject }] = await load(session);
      const project = await getProject(plane, id);
      session.print('projects show', project, (colors) => describeProject(project, colors, session.terminalColumns));
    });
  command
    .command('create')
    .summary('make one')
    .description('Make a project.')
    .argument('<name>', 'of the project')
    .option('--base <model>', 'base model of its runs')
    .option('--description <text>', 'what it is for')
    .option('--owner <name>', 'whose it is')
    .option('--set <name=value>', 'a default hyperparameter of its runs; may be given several times', gather)
    .addHelpText(
      'after',
      describeExamples([
        { line: 'projects create "Smart home" --base tiny-llama --set batch_size=8', about: 'then: train --project <id> ...' },
      ]),
    )
    .action(async (name, { base, description, owner, set = [] }) => {
      const [plane, { createProject }, { describeProject }] = await load(session);
      const { readAssignments } = await import('../train/assignments.ts');
      const project = await createProject(plane, {
        name,
        ...(base !== undefined && { base_model: base }),
        ...(description !== undefined && { description }),
        ...(owner !== undefined && { owner }),
        ...(set.length > 0 && { default_hyperparameters: readAssignments(set) }),
      });
      session.print('projects create', project, (colors) => describeProject(project, colors, session.terminalColumns));
    });
}

const load = (session: Session) =>
  Promise.all([session.plane(), import('../plane/projects.ts'), import('../text/project-words.ts')] as const);
