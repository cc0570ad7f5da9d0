#!/usr/bin/env python3
# Owns the trial of the recipes for CI systems: each is run as its system would run it, and its results must be those of one run of
# the whole.
"""recipes.py WAY PROGRAM SUITE [FLAG...]

WAY is bazel, github, gitlab, these three by the name all, or slurm; PROGRAM is ringside. SUITE and flags are words of `ringside test`.
github and gitlab take a suite with images beside it, which is copied to where the recipes look for it, and no flags. slurm needs a
running Slurm; the others are run without the system, by its variables and its words alone. Exit status 77: it could not be tried.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

RECIPES = pathlib.Path(__file__).resolve().parents[1] / "frontend" / "conform" / "recipes"


def fail(text):
    sys.exit(f"recipes.py: {text}")


def shell(words, folder, **more):
    """A status of 1 means that tests failed, which is none of ours."""
    path = f"{folder / 'bin'}:/usr/local/bin:/usr/bin:/bin"
    done = subprocess.run(["bash", "-e", "-c", words], cwd=folder / "job", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          env={"PATH": path, "HOME": str(folder / "home"), "LANG": "C.UTF-8", **more})
    if done.returncode not in (0, 1):
        fail(f"{words}: status {done.returncode}\n{done.stdout}")
    return done.stdout


def results(file):
    """Verdict, checks and the state's hash of each test. A suite's name has its folder in it, which may differ."""
    found = {}
    for line in file.read_text().splitlines():
        test = json.loads(line)
        if "test" in test:
            found[pathlib.Path(test["suite"]).name, test["test"]] = (
                test["verdict"], [(one["name"], one["verdict"]) for one in test["checks"]])
    return found


def recipe(name):
    try:
        import yaml
    except ImportError:
        print("no YAML for Python: skipped; python3-yaml brings it")
        sys.exit(77)
    return yaml.safe_load((RECIPES / name).read_text())


def bazel(folder, words):
    for index in range(4):
        outputs = folder / "outputs" / str(index)
        outputs.mkdir(parents=True)
        shell(f"{RECIPES / 'ringside_test.sh'} {words}", folder, TEST_TOTAL_SHARDS="4", TEST_SHARD_INDEX=str(index),
              TEST_SHARD_STATUS_FILE=str(outputs / "shard"), XML_OUTPUT_FILE=str(outputs / "test.xml"),
              TEST_UNDECLARED_OUTPUTS_DIR=str(outputs), TEST_TMPDIR=str(folder / "home"))
        if not (outputs / "shard").exists() or not (outputs / "test.xml").read_text().startswith("<?xml"):
            fail("the file that says that shards are understood, or the JUnit file, is not there")
    shell(f"ringside merge {folder}/outputs/*/results.json --json result.json", folder)


def put_suite(folder, words):
    suite = pathlib.Path(words.split()[0])
    shutil.copytree(suite.parent, folder / "job" / "tests", ignore=lambda _, names: [one for one in names if one.endswith(".elf")])


def github(folder, words):
    put_suite(folder, words)
    jobs = recipe("github.yml")["jobs"]
    shards = jobs["test"]["strategy"]["matrix"]["shard"]
    kept = folder / "artifacts"

    def run(job, shard):
        for step in job["steps"]:
            fill = lambda text: re.sub(r"\$\{\{ *(.*?) *\}\}", lambda m: {  # noqa: E731
                "matrix.shard": str(shard), "strategy.job-total": str(len(shards))}[m[1]], text)
            if "run" in step:
                print(shell(fill(step["run"]), folder), end="")
            elif step["uses"].startswith("actions/upload-artifact@"):
                kept.mkdir(exist_ok=True)
                for file in fill(step["with"]["path"]).split():
                    if (folder / "job" / file).is_file():
                        shutil.move(folder / "job" / file, kept / file)
            elif step["uses"].startswith("actions/download-artifact@"):
                for file in kept.glob(step["with"]["pattern"]):
                    shutil.copy(file, folder / "job")

    for shard in shards:
        run(jobs["test"], shard)
    run(jobs["result"], None)
    shell("ringside merge shard-*.json --json result.json", folder)
    if "<testsuite" not in (kept / "junit.xml").read_text() or not (kept / "result.html").exists():
        fail("no JUnit file or no page came")


def gitlab(folder, words):
    put_suite(folder, words)
    jobs = recipe("gitlab-ci.yml")
    test = jobs["conformance"]
    for index in range(1, test["parallel"] + 1):
        for line in test["script"]:
            print(shell(line, folder, CI_NODE_INDEX=str(index), CI_NODE_TOTAL=str(test["parallel"])), end="")
        for file in [*test["artifacts"]["paths"], test["artifacts"]["reports"]["junit"]]:
            if not list((folder / "job").glob(file)):
                fail(f"{file} did not come")
    for line in jobs["conformance-result"]["script"]:
        print(shell(line, folder), end="")
    shell("ringside merge shard-*.json --json result.json", folder)


def slurm(folder, words):
    environment = {key: os.environ[key] for key in ("SLURM_CONF",) if key in os.environ}
    last = shell(f"{RECIPES / 'slurm.sh'} {words}", folder, **environment).strip()
    shell(f"sbatch --wait --dependency=afterany:{last} --output=/dev/null --wrap true", folder, **environment)
    print((folder / "job" / "result.txt").read_text(), end="")


def attempt(way, program, folder, words):
    for part in ("bin", "job", "home"):
        (folder / part).mkdir(parents=True)
    (folder / "bin" / "ringside").symlink_to(pathlib.Path(program).absolute())
    WAYS[way](folder, words)
    # The same tests, by the name that the recipe has for them.
    whole = "tests/suite.toml" if way in ("github", "gitlab") else words
    shell(f"ringside test --json whole.json {whole}", folder)
    one, joined = results(folder / "job" / "whole.json"), results(folder / "job" / "result.json")
    if not one or one != joined:
        fail(f"{way}: the parts give {joined}, the whole gives {one}")
    print(f"{way}: {len(joined)} tests, the same in parts as in one run")


def main(way, program, suite, *flags):
    words = " ".join([str(pathlib.Path(suite).absolute()), *flags])
    # Of the current folder: nodes of a Slurm share that, and not each machine's own for temporary files.
    with tempfile.TemporaryDirectory(prefix="recipes-", dir=".") as folder:
        for one in ("bazel", "github", "gitlab") if way == "all" else (way,):
            attempt(one, program, pathlib.Path(folder).absolute() / one, words)


WAYS = {"bazel": bazel, "github": github, "gitlab": gitlab, "slurm": slurm}

if __name__ == "__main__":
    if len(sys.argv) < 4 or sys.argv[1] not in (*WAYS, "all"):
        sys.exit(__doc__)
    main(*sys.argv[1:])
