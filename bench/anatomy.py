"""Anatomy on real knees: the joint space against the grade, repeatability under a small shift and noise, refusals.

    cargo build --release --workspace --example anatomy
    python3 -m venv .venv && .venv/bin/pip install pandas scipy && .venv/bin/python bench/anatomy.py target/release/examples/anatomy KNEES val L
"""

import io
import pathlib
import subprocess
import sys

import numpy
import pandas
from scipy.stats import spearmanr

SIZE = 224


def errors(table, truth):
    """Of phantoms, whose truth is known: mean absolute errors in mm and degrees with their intervals over subjects, by grade."""
    draws = numpy.random.default_rng(1)
    for variant in ("plain", "noised"):
        found = table[table.variant == variant].dropna(subset=["minimal_jsw"]).set_index("id")
        known = truth.loc[found.index]
        # Widths are shares of the plateau, and the plateau's of the image.
        mm = found.plateau_width * SIZE * known.spacing_mm
        apart = pandas.DataFrame({
            "medial": (found.medial_jsw * mm - known.medial_jsw_mm).abs(),
            "lateral": (found.lateral_jsw * mm - known.lateral_jsw_mm).abs(),
            "axis": (found.alignment_deg - known.alignment_deg).abs(),
        })
        for grade, group in [("all", apart), *apart.groupby(found.grade)]:
            row = []
            for name in apart:
                means = [group[name].sample(len(group), replace=True, random_state=int(s)).mean() for s in draws.integers(2**31, size=200)]
                row.append(f"{name} {group[name].mean():.3f} ({numpy.quantile(means, 0.025):.3f} to {numpy.quantile(means, 0.975):.3f})")
            print(f"error against the truth, {variant}, grade {grade}, {len(group)} knees:", ", ".join(row))


def main():
    table = pandas.read_csv(io.StringIO(subprocess.run(sys.argv[1:], check=True, capture_output=True, text=True).stdout))
    plain = table[table.variant == "plain"].set_index("id")
    found = plain.dropna(subset=["minimal_jsw"])
    print(f"{len(plain)} knees, refused {len(plain) - len(found)} ({(1 - len(found) / len(plain)):.1%})")
    subjects = {name: group for name, group in found.groupby("subject")}
    draws, names = numpy.random.default_rng(0), list(subjects)
    for measure in ("minimal_jsw", "medial_jsw", "lateral_jsw", "alignment_deg"):
        rho = spearmanr(found[measure], found.grade).statistic
        again = []
        for _ in range(400):
            some = pandas.concat([subjects[names[i]] for i in draws.integers(len(names), size=len(names))])
            again.append(spearmanr(some[measure], some.grade).statistic)
        low, high = numpy.quantile(again, [0.025, 0.975])
        print(f"Spearman of {measure} and grade: {rho:.3f} ({low:.3f} to {high:.3f})")
    print(found.groupby("grade")[["minimal_jsw", "alignment_deg"]].quantile([0.05, 0.5, 0.95]).unstack().round(4).to_string())
    truth = pathlib.Path(sys.argv[2], "truth.csv")
    if truth.exists():
        errors(table, pandas.read_csv(truth).set_index("id"))
    for variant in ("shifted", "noised"):
        other = table[table.variant == variant].set_index("id")
        both = found.index[other.loc[found.index, "minimal_jsw"].notna()]
        print(f"{variant}: {len(found) - len(both)} refused that were measured before")
        for measure in plain.columns[3:-1]:
            apart = other.loc[both, measure] - found.loc[both, measure]
            spread = found.loc[both, measure].std()
            within = apart.std() / 2**0.5
            print(f"  {measure:20} median {apart.abs().median():.4f}, 95% {apart.abs().quantile(0.95):.4f}; reliability {1 - within**2 / spread**2:.3f}")


if __name__ == "__main__":
    main()
