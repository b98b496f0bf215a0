"""Anatomy on real knees: the joint space against the grade, repeatability under a small shift and noise, refusals.

    cargo build --release --workspace --example anatomy
    python3 -m venv .venv && .venv/bin/pip install pandas scipy && .venv/bin/python bench/anatomy.py target/release/examples/anatomy KNEES val L
"""

import io
import subprocess
import sys

import numpy
import pandas
from scipy.stats import spearmanr


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
