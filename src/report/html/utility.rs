//! The page of an experiment on use.

use std::collections::BTreeMap;

use doppelray_measures::classify::{METRICS, Task};
use doppelray_measures::estimate::Estimate;

use super::bands::{Axis, Labels, Series, curves};
use super::shell::{figure, page, paragraph, section, table};
use super::text::{count, escape, png_address};
use crate::report::answer::{level, name, signed};
use crate::report::utility::{ArmReport, Claim, Difference, Look, Source, Swap, Tests, Utility};
use crate::utility::Strategy;

const DASH: &str = "\u{2013}";

/// Draws the page from the report; `film` gives the PNG of an image that was looked at.
pub(crate) fn draw(
    report: &Utility,
    film: &dyn Fn(&Look) -> anyhow::Result<Vec<u8>>,
) -> anyhow::Result<String> {
    let mut body = summary(report);
    for task in &report.plan.tasks {
        body += &section(heading(*task), &answers(report, *task));
    }
    body += &section("Every difference", &differences(report));
    body += &section("Every arm", &arms(report));
    if !report.swaps.is_empty() {
        body += &section("Trained on one, tested on the other", &swaps(report));
    }
    body += &section("Where the best classifiers look", &looks(report, film)?);
    body += &section("What may be concluded, and what not", &conclusions(report));
    body += &section("What made this", &provenance(report));
    Ok(page("utility", &report.answer, &body))
}

/// A row of test images for each task, coloured by what its best classifier's answer rests on.
fn looks(report: &Utility, film: &dyn Fn(&Look) -> anyhow::Result<Vec<u8>>) -> anyhow::Result<String> {
    let mut out = String::new();
    for best in &report.classifiers {
        let mut films = String::new();
        for look in report.looks.iter().filter(|look| look.task == best.task) {
            let right = best.task.class(look.grade) == look.answer;
            let said = format!(
                "grade {}, answered {}{}",
                look.grade,
                answer(best.task, look.answer),
                if right { "" } else { " (wrong)" }
            );
            let address = png_address(&film(look)?);
            films += &format!("<img src=\"{address}\" alt=\"{said}\" title=\"{said}\">\n");
        }
        let said = format!("{}: learned from {}.", heading(best.task), best.learned_from);
        out += &format!("{}<div class=\"films\">\n{films}</div>\n", paragraph("", &said));
    }
    let note = "One test image of each grade, drawn by lot. Red: covering this part takes the most from the answer; blue: covering it adds. A classifier \
                that looks at the joint is red there; one that is red at the border has learned what the films have, not what the knees have. \
                The classifiers stand beside this page, for `doppelray classify`.";
    Ok(out + &paragraph("note", note))
}

fn answer(task: Task, answer: usize) -> String {
    match task {
        Task::Binary => ["0\u{2013}1", "2\u{2013}4"][answer].to_owned(),
        _ => answer.to_string(),
    }
}

fn heading(task: Task) -> &'static str {
    match task {
        Task::Binary => "Osteoarthritis or not (grades 2\u{2013}4 against 0\u{2013}1)",
        Task::Grades => "The grade, as five names",
        Task::Ordinal => "The grade, as an order",
    }
}

fn summary(report: &Utility) -> String {
    let remarks: String = report.remarks.iter().map(|remark| paragraph("lead", remark)).collect();
    let grades = |tests: &Tests| {
        let each = tests.grades.iter().map(|(grade, images)| format!("{grade}: {}", count(*images)));
        format!("{} images of {} ({})", count(tests.images), tests.from, each.collect::<Vec<_>>().join(", "))
    };
    let set = |source: &Source| format!("{} ({} images)", source.title, count(source.count));
    let sets = format!(
        "Real: {}. Synthetic: {}. Tested on {}. What was best, and the temperature, were chosen by {}.",
        set(&report.real),
        set(&report.synthetic),
        grades(&report.test),
        grades(&report.val)
    );
    remarks + &paragraph("note", &sets)
}

/// One task: the curve by real subjects, the curve by replacement, confusions.
fn answers(report: &Utility, task: Task) -> String {
    let arms: Vec<&ArmReport> = report.arms.iter().filter(|a| a.arm.task == task).collect();
    let metric = &report.primary;
    let by_subjects = curves(
        &Labels {
            title: &format!("{} by number of real subjects", capital(&name(metric))),
            x: "real subjects learned from",
            y: &|y| level(metric, y),
            tick: &|x| count(x as usize),
        },
        Axis::Logarithmic,
        &added(&arms, metric),
    );
    let replaced = replaced(&arms, metric);
    let by_share = curves(
        &Labels {
            title: &format!("{} by share of real subjects replaced", capital(&name(metric))),
            x: "share of the real subjects replaced",
            y: &|y| level(metric, y),
            tick: &|x| format!("{:.0}%", 100.0 * x),
        },
        Axis::Linear,
        &replaced,
    );
    let caption = "Means over the seeds; bands are 95% intervals over test subjects. Whether two curves differ is a paired question that \
                   bands cannot answer: see the differences below.";
    let mut out = figure("", &by_subjects, caption);
    if replaced.iter().any(|s| s.points.len() > 1) {
        out += &figure(
            "",
            &by_share,
            "Images that go are replaced by as many synthetic ones of the same grades.",
        );
    }
    out + &confusions(&arms, metric)
}

/// Curves along real subjects: real alone first, then each way of adding synthetic images.
fn added(arms: &[&ArmReport], metric: &str) -> Vec<Series> {
    let mut series = BTreeMap::<(bool, String), Vec<(f64, Estimate)>>::new();
    for a in arms.iter().filter(|a| a.arm.replaced_fraction == 0.0 && a.arm.strategy != Strategy::Synthetic) {
        let Some(estimate) = a.metrics.get(metric) else { continue };
        let percent = format!("{:.0}%", 100.0 * a.arm.synthetic_fraction);
        let way = match a.arm.strategy {
            _ if a.arm.is_real_only() => "real alone".to_owned(),
            Strategy::Pretrain => format!("{percent} synthetic first, then real"),
            Strategy::Balance => "real, grades evened by synthetic".to_owned(),
            _ => format!("real + {percent} synthetic"),
        };
        let way = if a.arm.augment { way + ", augmented" } else { way };
        let subjects = baseline(arms, a).map_or(a.subjects, |b| b.subjects);
        series.entry((!a.arm.is_real_only(), way)).or_default().push((subjects as f64, *estimate));
    }
    sorted(series.into_iter().map(|((_, name), points)| Series { name, points }).collect())
}

/// Curves along the share replaced, by size of the real data.
fn replaced(arms: &[&ArmReport], metric: &str) -> Vec<Series> {
    let mut series = BTreeMap::<String, Vec<(f64, Estimate)>>::new();
    let replacing: Vec<&&ArmReport> = arms.iter().filter(|a| a.arm.replaced_fraction > 0.0).collect();
    for a in arms.iter().filter(|a| a.arm.strategy == Strategy::Mix && a.arm.synthetic_fraction == 0.0) {
        let Some(estimate) = a.metrics.get(metric) else { continue };
        let belongs = |other: &&&ArmReport| other.arm.baseline() == a.arm.baseline();
        if let Some(size) = baseline(arms, a).filter(|_| replacing.iter().any(belongs)) {
            let more = if a.arm.augment { ", augmented" } else { "" };
            let name =
                format!("{} images of {} subjects{more}", count(size.real_images), count(size.subjects));
            series.entry(name).or_default().push((a.arm.replaced_fraction, *estimate));
        }
    }
    sorted(series.into_iter().map(|(name, points)| Series { name, points }).collect())
}

fn sorted(mut series: Vec<Series>) -> Vec<Series> {
    series.iter_mut().for_each(|s| s.points.sort_by(|a, b| a.0.total_cmp(&b.0)));
    series
}

fn baseline<'a>(arms: &[&'a ArmReport], of: &ArmReport) -> Option<&'a ArmReport> {
    arms.iter().copied().find(|a| a.arm == of.arm.baseline())
}

/// What is confused with what: by all real images alone, and by the best arm with synthetic ones at the same size.
fn confusions(arms: &[&ArmReport], metric: &str) -> String {
    let real = arms.iter().filter(|a| a.arm.is_real_only());
    let Some(real) = real.max_by(|a, b| a.arm.real_fraction.total_cmp(&b.arm.real_fraction)) else {
        return String::new();
    };
    let value = |a: &ArmReport| a.metrics.get(metric).map_or(f64::NAN, |e| e.value);
    let rivals = arms.iter().filter(|a| a.arm.baseline() == real.arm && !a.arm.is_real_only());
    let best = rivals.max_by(|a, b| value(a).total_cmp(&value(b)));
    let tables: String = std::iter::once(real).chain(best).map(|a| confusion(a)).collect();
    format!("<div class=\"charts\">\n{tables}</div>\n")
}

fn confusion(arm: &ArmReport) -> String {
    let names: &[&str] =
        if arm.arm.task == Task::Binary { &["0\u{2013}1", "2\u{2013}4"] } else { &["0", "1", "2", "3", "4"] };
    let head: Vec<String> =
        std::iter::once(String::new()).chain(names.iter().map(|n| format!("said {n}"))).collect();
    let row = |(truth, row): (usize, &Vec<usize>)| {
        let all = row.iter().sum::<usize>().max(1) as f64;
        let cell = |n: &usize| format!("{:.0}%", 100.0 * *n as f64 / all);
        std::iter::once(format!("is {}", names[truth])).chain(row.iter().map(cell)).collect::<Vec<_>>()
    };
    let rows: Vec<Vec<String>> = arm.confusion.iter().enumerate().map(row).collect();
    format!("<div><h3>{}</h3>\n{}</div>\n", escape(&arm.name), table(&head, &rows))
}

/// Every contrast in the figure that claims are made about.
fn differences(report: &Utility) -> String {
    let head =
        ["", "against", "difference, 95% interval", "over seeds", "p", "p corrected", ""].map(str::to_owned);
    let mut out = paragraph("note", &report.answer_rules);
    for task in &report.plan.tasks {
        let of_task = report.contrasts.iter().filter(|d| d.arm.task == *task);
        let rows: Vec<Vec<String>> = of_task.map(difference).collect();
        if !rows.is_empty() {
            out += &format!("<h3>{}<small>{}</small></h3>\n", heading(*task), name(&report.primary));
            out += &table(&head, &rows);
        }
    }
    out
}

fn difference(d: &Difference) -> Vec<String> {
    let (c, metric) = (&d.contrast, d.metric.as_str());
    let probability = |p: Option<f64>| {
        p.map_or_else(
            || DASH.to_owned(),
            |p| if p < 0.001 { "&lt; 0.001".to_owned() } else { format!("{p:.3}") },
        )
    };
    let interval = format!(
        "{} <span class=\"interval\">{} to {}</span>",
        signed(metric, c.value),
        signed(metric, c.low),
        signed(metric, c.high)
    );
    let spread = c.seeds_deviation.map_or_else(|| DASH.to_owned(), |sd| level(metric, sd).replace('%', ""));
    let claim = match d.claim {
        Claim::Better => "<strong>better</strong>",
        Claim::Worse => "<strong>worse</strong>",
        Claim::None => "<span class=\"note\">not shown</span>",
    };
    vec![
        escape(&d.name),
        escape(&d.against),
        interval,
        spread,
        probability(c.p),
        probability(d.p_corrected),
        claim.to_owned(),
    ]
}

/// Every arm with its figures.
fn arms(report: &Utility) -> String {
    let shown = &METRICS[..9];
    let head: Vec<String> =
        ["", "learned from"].into_iter().map(str::to_owned).chain(shown.iter().map(|m| name(m))).collect();
    let mut out = String::new();
    for task in &report.plan.tasks {
        let row = |a: &ArmReport| {
            let from = format!(
                "{} real of {} subjects<span class=\"below\">{} synthetic</span>",
                count(a.real_images),
                count(a.subjects),
                count(a.synthetic_images)
            );
            let cells = shown.iter().map(|metric| cell(metric, a.metrics.get(*metric)));
            [escape(&a.name), from].into_iter().chain(cells).collect::<Vec<_>>()
        };
        let rows: Vec<Vec<String>> = report.arms.iter().filter(|a| a.arm.task == *task).map(row).collect();
        out += &format!("<h3>{}</h3>\n{}", heading(*task), table(&head, &rows));
    }
    out + &paragraph("note", "Sensitivity, specificity and AUC are for grade 2 and above, whatever the task.")
}

fn cell(metric: &str, estimate: Option<&Estimate>) -> String {
    let Some(e) = estimate else { return DASH.to_owned() };
    let plain = |value| level(metric, value).replace('%', "");
    format!("{}<span class=\"below\">{} to {}</span>", plain(e.value), plain(e.low), plain(e.high))
}

fn swaps(report: &Utility) -> String {
    let head = ["", "", "tested on real", "tested on synthetic"].map(str::to_owned);
    let rows = |swap: &Swap| {
        let metrics = [report.primary.as_str(), "auc"];
        let cells = |on: &BTreeMap<String, Estimate>| {
            let each = metrics.iter().map(|m| {
                let e = on.get(*m);
                e.map_or_else(String::new, |e| {
                    let (low, high) = (level(m, e.low), level(m, e.high));
                    format!(
                        "{} {} <span class=\"interval\">{low} to {high}</span>",
                        escape(&name(m)),
                        level(m, e.value)
                    )
                })
            });
            each.collect::<Vec<_>>().join("<br>")
        };
        let row = |kind: &str, images: usize, on: [&BTreeMap<String, Estimate>; 2]| {
            let trained = format!("trained on {} {kind}", count(images));
            vec![escape(heading(swap.task)), trained, cells(on[0]), cells(on[1])]
        };
        [
            row("real", swap.images[0], [&swap.trtr, &swap.trts]),
            row("synthetic", swap.images[1], [&swap.tstr, &swap.tsts]),
        ]
    };
    let note = "Synthetic images to test on were kept from all training. A classifier that knows synthetic images far better than real ones \
                has learned what the generator does, not what the disease does.";
    table(&head, &report.swaps.iter().flat_map(rows).collect::<Vec<_>>()) + &paragraph("note", note)
}

/// The paper's two findings beside what was found here, where the plan asks the same.
fn paper(report: &Utility) -> String {
    let ours = |belongs: &dyn Fn(&Difference) -> bool| {
        let found =
            report.contrasts.iter().filter(|d| d.arm.task == Task::Binary && !d.arm.augment && belongs(d));
        let found = found.min_by(|a, b| a.arm.real_fraction.total_cmp(&b.arm.real_fraction));
        found.and_then(|d| Some((d, d.figures.get("accuracy")?))).map(|(d, c)| {
            let [value, low, high] = [c.value, c.low, c.high].map(|v| signed("accuracy", v));
            format!(
                "{value} <span class=\"interval\">{low} to {high}</span><span class=\"below\">{}</span>",
                escape(&d.name)
            )
        })
    };
    let added = ours(&|d| {
        d.arm.strategy == Strategy::Mix && d.arm.synthetic_fraction > 0.0 && d.arm.replaced_fraction == 0.0
    });
    let replaced = ours(&|d| {
        d.arm.real_fraction == 1.0 && d.arm.replaced_fraction == 1.0 && d.arm.synthetic_fraction == 0.0
    });
    let rows = [
        ("Synthetic images added where real ones are few", "better", added),
        ("All real images replaced", "\u{2212}3.79 points", replaced),
    ];
    let rows: Vec<Vec<String>> = rows
        .into_iter()
        .filter_map(|(what, theirs, ours)| Some(vec![what.to_owned(), theirs.to_owned(), ours?]))
        .collect();
    let head =
        ["Accuracy, grades 0\u{2013}1 against 2\u{2013}4", "Prezja et al. 2022", "here"].map(str::to_owned);
    if rows.is_empty() { String::new() } else { table(&head, &rows) }
}

/// How arms were kept equal, and what was trained.
fn training(report: &Utility) -> (String, String) {
    let (width, name) = (report.space.width, &report.space.name);
    match (&report.plan.training, &report.plan.whole) {
        (Some(t), _) => (
            format!(
                "Every arm was trained to the end: its loss is convex, and was brought to its minimum for each of the same {} penalties, at most \
                 {} steps each, by whole passes. Which penalty, the same real images chose for every arm, and they calibrated it. So no arm is \
                 ahead by its rate, its number of steps or the order of its images.",
                t.penalties.len(),
                t.steps
            ),
            format!(
                "The network was frozen: a linear head learned on its {width} numbers an image ({name}). What synthetic images do to a network \
                 that is trained whole is another question, which a plan with a table [whole] asks."
            ),
        ),
        (None, Some(t)) => (
            format!(
                "Every arm had the same budget: at most {} steps of {} images, looked at every {} steps by the same real images, which chose the \
                 best step and calibrated it; a phase ended after {} looks without improvement.",
                t.steps, t.batch, t.check, t.patience
            ),
            format!(
                "The network ({name}) was trained whole, from the same weights in every arm; only its head began at random."
            ),
        ),
        (None, None) => Default::default(),
    }
}

/// What holds beyond this experiment, and what does not; the paper beside it.
fn conclusions(report: &Utility) -> String {
    let (budget, about) = training(report);
    [
        budget.as_str(),
        about.as_str(),
        "A difference that is not shown may exist: its interval says how large it may be. A difference that is shown holds for subjects like \
         those tested, for this generator and this way of training; not for another hospital, not for another generator.",
        "The test images were looked at once, by all arms at the end. Whoever changes the plan after reading this page and runs it again uses \
         them for choosing, and should say so.",
        "Prezja et al. (Sci Rep 12:18573, 2022) found that synthetic knees improved the classification of osteoarthritis (grades 0\u{2013}1 \
         against 2\u{2013}4) when real ones were few, and that replacing all real ones cost 3.79 points of accuracy. They fine-tuned VGG-16, \
         whole. Here arms differ in nothing but their images, splits are by subject, each arm is trained once a seed, and differences have \
         intervals that are corrected for their number.",
        "Nothing here is a medical device.",
    ]
    .map(|text| paragraph("", text))
    .concat()
        + &paper(report)
}

/// Inputs with their hashes, settings, version, command.
fn provenance(report: &Utility) -> String {
    let code = |text: &str| format!("<code>{}</code>", escape(text));
    let side = |name: &str, s: &Source| vec![name.to_owned(), code(&s.path), code(&s.hash)];
    let mut rows = vec![side("Real", &report.real), side("Synthetic", &report.synthetic)];
    rows.extend(
        report.space.weights.iter().map(|w| vec![escape(&report.space.name), code(&w.file), code(&w.sha256)]),
    );
    let how = match (&report.plan.training, &report.plan.whole) {
        (Some(t), _) => format!(
            "L-BFGS, at most {} steps for each penalty of {:?}; class weights: {:?}",
            t.steps, t.penalties, t.weighting
        ),
        (None, Some(t)) => format!(
            "Adam, {} steps of {} images at most, rate {} in the head and {} of it at the image, decay {}; class weights: {:?}",
            t.steps, t.batch, t.rate, t.lowest, t.decay, t.weighting
        ),
        (None, None) => String::new(),
    };
    let settings = format!(
        "{} cells. {} {how}. Intervals: 1000 resampled sets of test subjects. doppelray {}.",
        report.cells.len(),
        report.space.about,
        report.version
    );
    format!("<p>{}</p>\n", code(&report.command))
        + &table(&["", "Path", "SHA-256"].map(str::to_owned), &rows)
        + &paragraph("note", &settings)
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
