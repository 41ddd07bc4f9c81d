#!/usr/bin/env python3
"""Accuracy of matching on published sets, for bench/accuracy.sh.

    accuracy_peer.py prepare SAMPLES FOLDER      write each set as FOLDER/NAME.csv: key, entity, attributes
    accuracy_peer.py splink FOLDER NAME          match it by Splink; print precision, recall and F1 of pairs and of customers

Splink is set up as its own guides do: the comparisons of its library by the kind
of each column, u from random pairs, the prior from deterministic rules, m by EM
in a session per blocking rule, clusters at a probability of 0.95.  No truth is used.
"""
import csv
import gzip
import logging
import os
import sys
from collections import Counter

SETS = {
    "febrl3": ("febrl3.csv", ["given_name", "family_name", "birth_date", "address", "street", "house_number", "city", "region",
                              "postcode", "national_id"],
               lambda x, n: [x[0], x[0].split("-")[1], x[1], x[2], x[9], x[5], x[4], x[3], x[6], x[8], x[7], x[10]]),
    "fake_1000": ("fake_1000.csv", ["given_name", "family_name", "birth_date", "city", "email"],
                  lambda x, n: [x[0], x[6], x[1], x[2], x[3], x[4], x[5]]),
    "restaurants": ("restaurant.csv", ["company", "address", "city", "cuisine"],
                    lambda x, n: [n, x[4], x[0], x[1], x[2], x[3]]),
    "historical": ("historical_half.csv.gz", ["full_name", "given_name", "family_name", "birth_date", "birth_place", "postcode",
                                              "gender", "occupation"],
                   lambda x, n: [x[0], x[1], x[2], x[4], x[5], x[6], x[7], x[8], x[9], x[10]]),
}
# Rules by which Splink finds candidates; those of one column also train, and the first two say how many matches there are.
RULES = {
    "febrl3": [("national_id",), ("given_name", "family_name"), ("birth_date",), ("postcode", "house_number"), ("postcode", "family_name"),
               ("postcode", "given_name")],
    "fake_1000": [("email",), ("given_name", "family_name", "birth_date"), ("given_name", "city"), ("family_name",), ("birth_date",)],
    "restaurants": [("company",), ("address", "city"), ("substr(company, 1, 4)",), ("substr(address, 1, 6)",)],
    "historical": [("given_name", "family_name", "birth_date"), ("full_name", "birth_place"), ("birth_date", "occupation"),
                   ("birth_date", "postcode"), ("postcode", "given_name"), ("postcode", "family_name"), ("family_name", "birth_date"),
                   ("given_name", "birth_date"), ("given_name", "family_name", "occupation"), ("given_name", "family_name", "postcode")],
}
TRAINING = {"febrl3": ["birth_date", "postcode"], "fake_1000": ["birth_date", "email"], "restaurants": ["company", "address"],
            "historical": ["birth_date", "postcode"]}


def prepare(samples, folder):
    """Write the sets that are there; print name and columns."""
    for name, (path, columns, make) in SETS.items():
        path = os.path.join(samples, "people", path)
        if not os.path.exists(path):
            continue
        with (gzip.open if path.endswith(".gz") else open)(path, "rt", encoding="utf-8", newline="") as f:
            rows = csv.reader(f, skipinitialspace=True)
            next(rows)
            with open(os.path.join(folder, name + ".csv"), "w", encoding="utf-8", newline="") as out:
                writer = csv.writer(out, lineterminator="\n")
                writer.writerow(["key", "entity"] + columns)
                for n, row in enumerate(rows):
                    writer.writerow([cell.strip() if isinstance(cell, str) else cell for cell in make(row, n)])
        print(name, ",".join(columns))


def scores(rightly, said, truly):
    precision, recall = rightly / max(said, 1), rightly / max(truly, 1)
    return f"{precision:.4f} {recall:.4f} {2 * rightly / max(said + truly, 1):.4f}"


def register(frame):
    """The frame as Splink wants it, version 4 or 5."""
    from splink.internals.duckdb.database_api import DuckDBAPI
    api = DuckDBAPI()
    return api.register(frame) if hasattr(api, "register") else frame


def splink(folder, name):
    """Match one set by Splink with DuckDB."""
    import pandas
    logging.disable(logging.WARNING)
    import splink.comparison_library as library
    from splink import Linker, SettingsCreator, block_on
    by_kind = {"given_name": lambda c: library.NameComparison(c), "family_name": lambda c: library.NameComparison(c),
               "birth_date": lambda c: library.DateOfBirthComparison(c, input_is_string=True), "email": lambda c: library.EmailComparison(c),
               "company": lambda c: library.NameComparison(c), "full_name": lambda c: library.NameComparison(c),
               "address": lambda c: library.JaroWinklerAtThresholds(c, [0.9, 0.7]), "street": lambda c: library.JaroWinklerAtThresholds(c, [0.9, 0.7]),
               "national_id": lambda c: library.DamerauLevenshteinAtThresholds(c, [1, 2]),
               "postcode": lambda c: library.DamerauLevenshteinAtThresholds(c, [1, 2])}
    frame = pandas.read_csv(os.path.join(folder, name + ".csv"), dtype=str)
    frame = frame.where(frame.notna(), None)
    columns = [c for c in frame.columns if c not in ("key", "entity")]
    if name == "historical":
        columns.remove("full_name")         # the parts say the same
    settings = SettingsCreator(
        link_type="dedupe_only", unique_id_column_name="key",
        comparisons=[by_kind.get(c, lambda c: library.ExactMatch(c).configure(term_frequency_adjustments=True))(c) for c in columns],
        blocking_rules_to_generate_predictions=[block_on(*rule) for rule in RULES[name]])
    linker = Linker(register(frame), settings)
    linker.training.estimate_probability_two_random_records_match([block_on(*rule) for rule in RULES[name][:2]], recall=0.7)
    linker.training.estimate_u_using_random_sampling(max_pairs=1e6, seed=1)
    for column in TRAINING[name]:
        linker.training.estimate_parameters_using_expectation_maximisation(block_on(column))
    predicted = linker.inference.predict(threshold_match_probability=0.01)
    entity = dict(zip(frame["key"], frame["entity"]))
    truly = sum(n * (n - 1) // 2 for n in Counter(frame["entity"]).values())
    pairs = predicted.as_pandas_dataframe()
    pairs = pairs[pairs["match_probability"] >= 0.5]
    rightly = sum(entity[a] == entity[b] for a, b in zip(pairs["key_l"], pairs["key_r"]))
    print("pairs", scores(rightly, len(pairs), truly))
    clusters = (linker.clustering.cluster_pairwise_predictions_at_threshold(predicted, threshold_match_probability=0.95)).as_pandas_dataframe()
    said = sum(n * (n - 1) // 2 for n in Counter(clusters["cluster_id"]).values())
    rightly = sum(n * (n - 1) // 2 for n in Counter(zip(clusters["cluster_id"], clusters["key"].map(entity))).values())
    print("customers", scores(rightly, said, truly))


if __name__ == "__main__":
    {"prepare": prepare, "splink": splink}[sys.argv[1]](*sys.argv[2:])
