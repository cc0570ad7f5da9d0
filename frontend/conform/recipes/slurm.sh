#!/bin/bash
# Owns the recipe for Slurm: parts of suites as the tasks of an array, and a job after them that joins their results.
#   PARTS=8 frontend/conform/recipes/slurm.sh SUITE... [FLAG...]      the words are those of `ringside test`
# Run it in a folder that all nodes share. It prints the number of the job whose end is the end of all; that job's status is 0 if nothing
# failed. The results are result.json, junit.xml and result.html.
set -euo pipefail
parts=${PARTS:-4}
[ $# -gt 0 ] || { sed -n 's/^#   //p' "$0" >&2; exit 2; }
rm -f shard-*.json
words=$(printf ' %q' "$@")
array=$(sbatch --parsable --job-name=conformance --array="0-$((parts - 1))" --output=shard-%a.txt \
  --wrap "ringside test --shard \$SLURM_ARRAY_TASK_ID/$parts --json shard-\$SLURM_ARRAY_TASK_ID.json$words")
# afterany: what failed is joined, too. A part that did not run at all leaves no file, and its absence is said.
sbatch --parsable --job-name=conformance-result --dependency="afterany:$array" --output=result.txt \
  --wrap "ringside merge \$(seq -f shard-%g.json 0 $((parts - 1))) --json result.json --junit junit.xml --html result.html"
