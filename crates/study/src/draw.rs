//! `study new`: which images a study shows, made alike in everything but their content.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use doppelray_images::progress::{Event, Listener};
use doppelray_images::{Collection, Depth, Image, Row, files, resize};
use doppelray_measures::panel::Table;
use doppelray_measures::panel::auc::{Scores, areas};
use doppelray_measures::rng::{Purpose, stream};
use rayon::prelude::*;

use crate::cases::{Case, Truth, Use};
use crate::design::Design;
use crate::error::{Error, Result};
use crate::pixels;
use crate::store::Store;
use crate::study::{About, Images, Source, Study};

/// What to draw.
pub struct Request<'a> {
    /// The collection of real images.
    pub real: &'a Collection,
    /// The split of it to draw from; all where none is named.
    pub real_split: Option<&'a str>,
    /// The collection of synthetic images.
    pub synthetic: &'a Collection,
    /// Images of either kind.
    pub count: usize,
    /// Width and height to scale all images to.
    pub size: Option<u32>,
    /// What will be asked.
    pub design: Design,
    /// Of the drawing.
    pub seed: u64,
}

/// What was drawn.
pub struct Drawn {
    cases: Vec<Case>,
    images: Vec<Image>,
    /// What may tell the kinds apart besides their content.
    pub cautions: Vec<String>,
}

impl Drawn {
    /// Images of either kind by grade, without the examples.
    pub fn grades(&self) -> BTreeMap<u8, usize> {
        let mut grades = BTreeMap::new();
        let counted = |c: &&Case| c.used == Use::Study && c.truth == Truth::Real;
        self.cases.iter().filter(counted).for_each(|c| *grades.entry(c.grade).or_insert(0) += 1);
        grades
    }

    /// What the study says of its images; their hash comes when they are written.
    pub fn described(&self, request: &Request) -> Images {
        let source = |c: &Collection| Source { path: c.root().display().to_string(), hash: c.hash() };
        Images {
            size: self.images[0].width(),
            depth: self.images[0].depth(),
            sha256: String::new(),
            real: source(request.real),
            synthetic: source(request.synthetic),
            cautions: self.cautions.clone(),
        }
    }
}

/// Draws as many real as synthetic images in each grade, never two of one subject, and the examples beside them.
pub fn draw(request: &Request, listener: Listener) -> Result<Drawn> {
    let size = common_size(request)?;
    let mut couples = Couples::new(request);
    let mut cases = Vec::new();
    for place in 0..request.count {
        let pair = (request.design == Design::Paired).then_some(place);
        let couple = couples.next().ok_or_else(|| too_few(request, place))?;
        cases.extend(couple.map(|(truth, row)| (case(Use::Study, truth, row, pair), truth, row)));
    }
    for task in request.design.tasks() {
        let [real, synthetic] = task.examples();
        for place in 0..real.max(synthetic) {
            let couple = couples.next().ok_or_else(|| too_few(request, request.count))?;
            let pair = (request.design == Design::Paired).then_some(request.count + place);
            for (truth, row) in couple {
                if place < if truth == Truth::Real { real } else { synthetic } {
                    cases.push((case(Use::Example(*task), truth, row, pair), truth, row));
                }
            }
        }
    }
    stream(request.seed, Purpose::StudyCases, u64::MAX).shuffle(&mut cases);
    listener(Event::Begin { task: "making images alike", total: cases.len() as u64, unit: "images" });
    let load = |(_, truth, row): &(Case, Truth, &Row)| {
        let collection = if *truth == Truth::Real { request.real } else { request.synthetic };
        collection.verify(row)?;
        let image = resize::square(&collection.load(row)?, size);
        listener(Event::Advance(1));
        Ok::<_, Error>(image)
    };
    let images: Vec<Image> = cases.par_iter().map(load).collect::<Result<_>>()?;
    listener(Event::End);
    let cases: Vec<Case> =
        cases.into_iter().enumerate().map(|(number, (case, ..))| Case { number, ..case }).collect();
    let images = alike(images);
    let mut cautions = settings_differ(request.real, request.synthetic);
    cautions.extend(telling_traits(&cases, &images));
    Ok(Drawn { cases, images, cautions })
}

fn case(used: Use, truth: Truth, row: &Row, pair: Option<usize>) -> Case {
    Case {
        number: 0,
        used,
        truth,
        grade: row.grade.unwrap_or_default(),
        pair,
        subject: row.subject.clone().unwrap_or_default(),
        source: row.id.clone(),
    }
}

/// Both kinds must go through the same resampling, or none: its blur would tell them apart.
fn common_size(request: &Request) -> Result<u32> {
    let (real, synthetic) = (request.real.about().size, request.synthetic.about().size);
    let least = real.min(synthetic);
    match request.size {
        None if real == synthetic => Ok(real),
        None => Err(Error::file(
            request.synthetic.root(),
            format!(
                "is of {synthetic} x {synthetic} pixels and the real ones of {real} x {real}: scale both down with --size below {least}"
            ),
        )),
        Some(size) if real != synthetic && size >= least => Err(Error::file(
            request.synthetic.root(),
            format!(
                "--size {size} would scale only one kind, and its blur would tell them apart; choose one below {least}"
            ),
        )),
        Some(size) if size > least => Err(Error::file(
            request.real.root(),
            format!("--size {size} is more than the images have; at most {least}"),
        )),
        Some(size) => Ok(size),
    }
}

fn too_few(request: &Request, found: usize) -> Error {
    Error::file(
        request.real.root(),
        format!(
            "with {} only {found} images of either kind and their examples can be drawn, each grade alike in both and no subject \
             twice; ask for fewer with --count, or bring more of the rare grades",
            request.synthetic.root().display()
        ),
    )
}

/// A real and a synthetic image of one grade at a time, grade after grade.
struct Couples<'a> {
    rows: [BTreeMap<u8, Vec<&'a Row>>; 2],
    taken: [BTreeSet<&'a str>; 2],
    grades: Vec<u8>,
    at: usize,
}

impl<'a> Couples<'a> {
    fn new(request: &Request<'a>) -> Self {
        let split = |row: &&Row| request.real_split.is_none_or(|split| row.split == split);
        let real: Vec<&Row> = request.real.rows().iter().filter(split).collect();
        let rows = [real, request.synthetic.rows().iter().collect()];
        let mut index = 0;
        let rows = rows.map(|mut rows| {
            stream(request.seed, Purpose::StudyCases, index).shuffle(&mut rows);
            index += 1;
            let mut grades = BTreeMap::<u8, Vec<&Row>>::new();
            rows.into_iter()
                .filter_map(|row| Some((row.grade?, row)))
                .for_each(|(g, row)| grades.entry(g).or_default().push(row));
            grades
        });
        let grades = rows[0].keys().filter(|g| rows[1].contains_key(g)).copied().collect();
        Self { rows, taken: Default::default(), grades, at: 0 }
    }

    fn next(&mut self) -> Option<[(Truth, &'a Row); 2]> {
        while !self.grades.is_empty() {
            self.at %= self.grades.len();
            let grade = self.grades[self.at];
            if let [Some(real), Some(synthetic)] = [0, 1].map(|kind| self.take(kind, grade)) {
                self.at += 1;
                return Some([(Truth::Real, real), (Truth::Synthetic, synthetic)]);
            }
            self.grades.remove(self.at);
        }
        None
    }

    /// The next row of a grade whose subject has not been taken.
    fn take(&mut self, kind: usize, grade: u8) -> Option<&'a Row> {
        let rows = self.rows[kind].get_mut(&grade)?;
        while let Some(row) = rows.pop() {
            if self.taken[kind].insert(row.subject.as_deref().unwrap_or(&row.id)) {
                return Some(row);
            }
        }
        None
    }
}

/// All at one depth: 16 bits only where both kinds really use them.
fn alike(images: Vec<Image>) -> Vec<Image> {
    let spread =
        |image: &Image| image.depth() == Depth::Eight || image.pixels().iter().all(|p| p.is_multiple_of(257));
    let depth = if images.iter().any(spread) { Depth::Eight } else { Depth::Sixteen };
    images.into_iter().map(|image| image.at(depth)).collect()
}

/// What is known to have shaped the pictures of one kind alone.
fn settings_differ(real: &Collection, synthetic: &Collection) -> Vec<String> {
    let of = |c: &Collection, key: &str| c.about().settings.get(key).cloned();
    let differ = |key: &&str| of(real, key).zip(of(synthetic, key)).is_some_and(|(a, b)| a != b);
    let told = |key: &str| format!("the collections were made with different `{key}`: prepare both alike");
    let learned = of(synthetic, "trained_on").filter(|hash| hash.as_str() != Some(&real.hash()));
    let elsewhere = learned.map(|_| {
        "the network learned from another collection than the real images are from: see that both were prepared alike".to_owned()
    });
    ["crop", "equalize", "mirror", "polarity"].into_iter().filter(differ).map(told).chain(elsewhere).collect()
}

/// A plain number of an image, and what to do where it tells the kinds apart.
struct Trait {
    name: &'static str,
    of: fn(&Image) -> f64,
    mend: &'static str,
}

const EQUALIZE: &str = "import both with the same --equalize";
const SCALE: &str = "scale both down with --size, which blends levels and noise alike";

/// What could give a kind away without a look at the knee.
const TRAITS: [Trait; 4] = [
    Trait {
        name: "mean brightness",
        of: |image| mean(image.pixels().iter().map(|p| f64::from(*p))),
        mend: EQUALIZE,
    },
    Trait {
        name: "contrast",
        of: |image| {
            let average = mean(image.pixels().iter().map(|p| f64::from(*p)));
            mean(image.pixels().iter().map(|p| (f64::from(*p) - average).powi(2)))
        },
        mend: EQUALIZE,
    },
    Trait {
        name: "the number of grey levels",
        of: |image| image.pixels().iter().collect::<BTreeSet<_>>().len() as f64,
        mend: SCALE,
    },
    Trait {
        name: "fine noise",
        of: |image| mean(image.pixels().windows(2).map(|w| f64::from(w[0].abs_diff(w[1])))),
        mend: SCALE,
    },
];

/// Above this area under the curve a single plain number is worth a word.
const TELLING: f64 = 0.8;

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, n) = values.fold((0.0, 0usize), |(sum, n), v| (sum + v, n + 1));
    sum / n.max(1) as f64
}

fn telling_traits(cases: &[Case], images: &[Image]) -> Vec<String> {
    let of = |truth: Truth, of: fn(&Image) -> f64| -> Vec<f64> {
        let mine = cases.iter().filter(|c| c.truth == truth && c.used == Use::Study);
        mine.map(|c| of(&images[c.number])).collect()
    };
    let told = |one: &Trait| {
        let scores = Scores {
            negative: Table::new(&[of(Truth::Real, one.of)]),
            positive: Table::new(&[of(Truth::Synthetic, one.of)]),
        };
        let area = areas(&scores).0[0];
        let area = area.max(1.0 - area);
        let Trait { name, mend, .. } = one;
        (area > TELLING)
            .then(|| format!("{name} alone tells real from synthetic with an AUC of {area:.2}: {mend}"))
    };
    TRAITS.iter().filter_map(told).collect()
}

/// Makes the study's folder, whole or not at all. `at` is the time, in ms since 1970.
pub fn write(root: &Path, about: About, drawn: &Drawn, at: i64) -> Result<Study> {
    if root.exists() {
        return Err(Error::file(root, "is there already; choose another --out"));
    }
    let staged = files::beside(root, "part");
    let unwritten = |e: std::io::Error| {
        Error::file(root, format!("cannot be written ({e}); mend the place or choose another"))
    };
    if staged.exists() {
        fs::remove_dir_all(&staged).map_err(unwritten)?;
    }
    fs::create_dir_all(&staged).map_err(unwritten)?;
    let sha256 = pixels::write(&staged.join("pixels.bin"), &drawn.images)?;
    let about = About { images: Images { sha256, ..about.images }, ..about };
    Study::write(&staged, &about)?;
    Store::create(&staged.join("study.db"), &about, &drawn.cases, at)?;
    fs::rename(&staged, root).and_then(|()| files::sync_folder(root)).map_err(unwritten)?;
    Study::open(root)
}
