/**
 * User data for a machine that knows no containers: a script that cloud-init runs once, as root, at the first boot. It writes the
 * environment into a file that only root reads, pulls the image by its digest, and runs it once: a container that ends is not started
 * again, and the machine then waits to be terminated. What goes wrong before the trainer can speak shows in the machine's serial log alone,
 * and the plane learns of it because nobody claims the attempt.
 */
import type { MachineOrder } from './connector.ts';

const HOME = '/var/lib/tuneplane';

/** @throws Error for a value that no line of an environment file can hold */
export function containerScript({ image, command, environment, registry }: MachineOrder): string {
  const [entrypoint = '', ...args] = command;
  const lines = Object.entries(environment).map(([name, value]) => {
    if (/[\r\n]/.test(value)) throw new Error(`the variable ${name} must be of one line`);
    return `${name}=${value}`;
  });
  return `#!/bin/bash
set -u
umask 077
mkdir -p ${HOME}
cat > ${HOME}/environment <<'END_OF_ENVIRONMENT'
${lines.join('\n')}
END_OF_ENVIRONMENT
${registry === null ? '' : login(registry)}
# An image of its own may lack what shows GPUs to containers.
if ! docker info --format '{{json .Runtimes}}' | grep -q nvidia; then
  if ! command -v nvidia-ctk; then apt-get update -q && apt-get install -q -y nvidia-container-toolkit; fi
  nvidia-ctk runtime configure --runtime=docker && systemctl restart docker
fi
for try in 1 2 3 4 5; do
  docker pull --quiet ${quote(image)} && break
  sleep 15
done
docker run --name tuneplane --gpus all --ipc=host --ulimit memlock=-1 --ulimit stack=67108864 \\
  --env-file ${HOME}/environment --entrypoint ${quote(entrypoint)} ${quote(image)} ${args.map(quote).join(' ')}
`;
}

const login = ({ host, username, password }: NonNullable<MachineOrder['registry']>): string =>
  `printf '%s' ${quote(password)} | docker login ${quote(host)} --username ${quote(username)} --password-stdin`;

const quote = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;
