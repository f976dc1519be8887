#!/bin/sh
# What the trainer image starts, on this machine: the real supervisor, with the folders that the image has, and, where script.json lies
# in its folder, the scripted engine in place of the one that imports torch.
#
#   trainer-image.sh <folder> <python> <scripted engine>
set -eu
export TUNEPLANE_CACHE="$1/cache" TUNEPLANE_WORK
TUNEPLANE_WORK=$(mktemp -d "$1/work-XXXXXX")
if [ -f "$1/script.json" ]; then
  TUNEPLANE_ENGINE="[\"$2\", \"$3\"]"
  TUNEPLANE_SCRIPT=$(cat "$1/script.json")
  export TUNEPLANE_ENGINE TUNEPLANE_SCRIPT
fi
exec "$2" -m trainer.supervisor
