"""`spark-submit scripts/spark_import.py OPTIONS`: the import of the table's staged exports on a Spark cluster.

`dr sync stage` makes the export and prints this command with its options; docs/spark.md says how EMR Serverless and
Azure Databricks take it. The exit codes are those of `dr`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from clouds.sync import spread
from recovery.errors import DrError
from recovery.exit_codes import ExitCode
from scripts.syncing.show import say, show

MEANS = {
    "uploads": "blob endpoint of the account that holds the container staging",
    "journal": "blob endpoint of the account that holds the container journal",
    "cosmos": "endpoint of the Cosmos DB account",
    "database": "its database",
    "container": "its container",
    "partition": "the table's partition key",
    "sort": "the table's sort key, or nothing",
    "rate": "RU/s that the container has now",
}


def main(argv: Sequence[str]) -> int:
    """Returns the exit code."""
    parser = argparse.ArgumentParser(prog="spark_import.py", description=(__doc__ or "").partition("\n\n")[2])
    for name, means in MEANS.items():
        parser.add_argument(
            f"--{name}",
            required=name != "sort",
            default="",
            help=means,
            type=float if name == "rate" else str,
        )
    parser.add_argument("--format", choices=("text", "json"), default="text")
    given = vars(parser.parse_args(argv))
    format = given.pop("format")
    from pyspark.sql import SparkSession

    context = SparkSession.builder.appName("dr-sync-metadata").getOrCreate().sparkContext
    try:
        outcome = spread.run(
            spread.Place(**given), spread.over(context), slots=max(1, context.defaultParallelism), say=say
        )
    except DrError as error:
        print(f"spark_import.py: {error}", file=sys.stderr)
        return int(error.exit_code)
    code = show([outcome], format)
    if code == ExitCode.CLEAN:
        say("It is written. The proof is the next run's: dr sync metadata")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
