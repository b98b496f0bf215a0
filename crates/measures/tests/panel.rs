//! The panel's intervals beside iMRMC, MRMCaov and a panel whose ability is known.

use doppelray_measures::panel::Table;
use doppelray_measures::panel::auc::{Scores, areas, moments, u_statistic};
use doppelray_measures::panel::detection::pooled;
use doppelray_measures::panel::equivalence::equivalence;
use doppelray_measures::panel::mrmc::{Mean, between, means, obuchowski_rockette};
use doppelray_measures::panel::power::{Plan, expected};
use doppelray_measures::panel::simulate::Population;

/// Five readers each: iMRMC's own test data (CC0), and Van Dyke et al. 1993 (cine MRI in aortic dissection), the example of
/// Obuchowski and Rockette's and Hillis's papers and of their programs.
const IMRMC: &str = include_str!("data/imrmc.csv");
const VAN_DYKE: &str = include_str!("data/vandyke.csv");

/// The scores of one modality.
fn scores(file: &str, modality: &str) -> Scores {
    let rows = |truth: &str| -> Vec<Vec<f64>> {
        let lines = file.lines().map(|line| line.split(',').collect::<Vec<_>>());
        let mine = lines.filter(|cells| cells[0] == modality && cells[2] == truth);
        mine.map(|cells| cells[3].split(' ').map(|s| s.parse().unwrap()).collect()).collect()
    };
    Scores { negative: Table::new(&rows("0")), positive: Table::new(&rows("1")) }
}

fn near(a: f64, b: f64, tolerance: f64) {
    assert!((a - b).abs() <= tolerance * b.abs(), "{a} is not {b}");
}

/// Smith, Hillis and Pesce, MRMCaov's manual: summary(mrmc(empirical_auc(...), cov = DeLong)), by treatment.
#[test]
fn obuchowski_and_rockettes_interval_is_mrmcaovs() {
    let printed = [
        ("1", 0.897_037_0, 0.000_477_523_9, 0.033_076_42, 12.595_97, [0.825_346_1, 0.968_728_0]),
        ("2", 0.940_837_4, 0.000_201_529_2, 0.021_504_64, 12.565_30, [0.894_215_5, 0.987_459_2]),
    ];
    for (treatment, value, cov2, error, df, [low, high]) in printed {
        let (areas, covariances) = areas(&scores(VAN_DYKE, treatment));
        let mean = obuchowski_rockette(&areas, &covariances);
        let interval = mean.interval(0.025);
        let pairs = [(between(&covariances), cov2), (mean.value, value), (mean.error, error), (mean.df, df)];
        pairs.into_iter().chain([(interval.0, low), (interval.1, high)]).for_each(|(a, b)| near(a, b, 2e-6));
    }
}

/// The same manual: sensitivity at ratings of 3 and more, treatment 1 (jackknife, which is exact for a mean).
#[test]
fn the_interval_of_a_share_is_mrmcaovs() {
    let called = scores(VAN_DYKE, "1").positive.map(|rating| f64::from(u8::from(rating >= 3.0)));
    let (means, covariances) = means(&called);
    let mean = obuchowski_rockette(&means, &covariances);
    let interval = mean.interval(0.025);
    let pairs = [
        (mean.value, 0.822_222_2),
        (between(&covariances), 0.001_646_465),
        (mean.error, 0.058_937_47),
        (mean.df, 14.456_811),
        (interval.0, 0.696_187_6),
        (interval.1, 0.948_256_8),
    ];
    pairs.into_iter().for_each(|(a, b)| near(a, b, 1e-6));
}

/// iMRMC 2.1.2 (R), run on the same files by `bench/imrmc.R`: area, variance, df, M1..M8.
#[test]
fn the_moments_the_variance_and_the_freedom_are_imrmcs() {
    #[rustfmt::skip]
    let found = [
        (IMRMC, "testA", [0.704_375, 0.006_313_930_237_1, 6.805_221_510_54], [0.704_375, 0.574_326_923_077, 0.570_685_897_436,
            0.512_386_259_04, 0.551_687_5, 0.520_838_141_026, 0.518_392_628_205, 0.489_830_210_388]),
        (IMRMC, "testB", [0.7585, 0.002_372_052_761_34, 27.408_387_637_7], [0.7585, 0.624_615_384_615, 0.638_173_076_923,
            0.575_700_525_97, 0.641_562_5, 0.597_679_487_179, 0.610_878_205_128, 0.572_950_197_239]),
        (VAN_DYKE, "1", [0.897_037_037_037, 0.001_093_704_489_88, 11.757_308_109_3], [0.866_714_975_845, 0.845_049_256_418,
            0.815_016_835_017, 0.806_144_285_997, 0.826_497_584_541, 0.824_314_080_705, 0.804_693_675_889, 0.803_581_741_326]),
        (VAN_DYKE, "2", [0.940_837_359_098, 0.000_461_871_591_436, 11.523_346_226_9], [0.923_204_508_857, 0.909_304_726_722,
            0.889_107_012_15, 0.885_639_095_559, 0.895_853_462_158, 0.893_113_100_313, 0.885_658_761_528, 0.884_713_064_683]),
    ];
    for (file, modality, [area, variance, df], expected) in found {
        let scores = scores(file, modality);
        let mean = u_statistic(&scores);
        near(mean.value, area, 1e-10);
        near(mean.error * mean.error, variance, 1e-9);
        near(mean.df, df, 1e-9);
        moments(&scores).into_iter().zip(expected).for_each(|(a, b)| near(a, b, 1e-10));
    }
}

/// How often intervals hold the truth: 500 studies of 15 readers and 30 + 30 images. The standard error of a coverage of
/// 95% at 500 is 1 point.
fn coverage(of: impl Fn(&Scores) -> Mean, truth: f64, population: Population) -> f64 {
    let holds = |seed| {
        let (low, high) = of(&population.study(seed, [15, 30, 30])).interval(0.025);
        low <= truth && truth <= high
    };
    (0..500).filter(|seed| holds(*seed)).count() as f64 / 500.0
}

fn by_components(scores: &Scores) -> Mean {
    let (areas, covariances) = areas(scores);
    obuchowski_rockette(&areas, &covariances)
}

const POPULATIONS: [Population; 3] = [
    Population { shift: 0.0, reader: 0.02, case: 0.2 },
    Population { shift: 0.5, reader: 0.05, case: 0.4 },
    Population { shift: 1.2, reader: 0.1, case: 0.3 },
];

#[test]
fn both_intervals_of_the_area_hold_the_truth_as_often_as_they_say() {
    for population in POPULATIONS {
        let truth = population.area();
        for (name, covered) in [
            ("components", coverage(by_components, truth, population)),
            ("U-statistic", coverage(u_statistic, truth, population)),
        ] {
            println!("{name}, area {truth:.3}: {:.1}%", 100.0 * covered);
            assert!((0.93..=0.97).contains(&covered), "{name} {population:?}: {covered}");
        }
    }
}

#[test]
fn the_interval_of_a_share_holds_it_as_often_as_it_says() {
    for population in POPULATIONS {
        let of = |scores: &Scores| {
            let (means, covariances) = means(&scores.positive.map(|s| f64::from(u8::from(s > 0.0))));
            obuchowski_rockette(&means, &covariances)
        };
        let covered = coverage(of, population.share_right(), population);
        println!("share {:.3}: {:.1}%", population.share_right(), 100.0 * covered);
        assert!((0.93..=0.97).contains(&covered), "{population:?}: {covered}");
    }
}

/// The log-linear correction draws d' towards 0 for few images; at 30 + 30 that is far less than the interval.
#[test]
fn the_interval_of_d_prime_holds_it_as_often_as_it_says() {
    for population in POPULATIONS {
        let covered = coverage(|scores| pooled(scores)[0], population.shift, population);
        println!("d' {:.1}: {:.1}%", population.shift, 100.0 * covered);
        assert!((0.93..=0.97).contains(&covered), "{population:?}: {covered}");
    }
}

/// The plan's model is Hanley and McNeil's and the panel's is Roe and Metz's; the power agrees within 0.1.
#[test]
fn simulated_studies_reach_the_power_that_was_planned() {
    let population = Population { shift: 0.0, reader: 0.02, case: 0.3 };
    let studies: Vec<Mean> =
        (0..400).map(|seed| by_components(&population.study(seed, [15, 30, 30]))).collect();
    let share = |mean: &&Mean| equivalence(mean, 0.5, 0.1).equivalent;
    let reached = studies.iter().filter(share).count() as f64 / 400.0;
    let mean = |of: fn(&Mean) -> f64| studies.iter().map(of).sum::<f64>() / 400.0;
    let plan = Plan {
        readers: 15,
        real: 30,
        synthetic: 30,
        area: 0.5,
        reader_sd: (0.02f64).sqrt() * 0.398_9,
        correlation: 0.3,
        margin: 0.1,
    };
    let planned = expected(&plan);
    println!(
        "power planned {:.3}, reached {reached:.3}; error {:.4}, {:.4}",
        planned.equivalence,
        planned.error,
        mean(|m| m.error)
    );
    assert!((planned.equivalence - reached).abs() < 0.1, "{planned:?} {reached}");
}
