//! Draws phantom knees into a folder, one PNG each: `phantom_grid OUT SIZE COUNT [SUBJECT]`, a subject a column.
use std::fs::File;
use std::time::Instant;
use doppelray_images::{phantom, side::Side};

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let size: u32 = args[2].parse().unwrap();
    let count: u64 = args[3].parse().unwrap();
    let mode = &args[4];
    let start = Instant::now();
    let mut total = 0;
    let save = |k: &phantom::Knee, name: String| {
        let f = File::create(format!("{}/{name}.png", args[1])).unwrap();
        let mut e = png::Encoder::new(f, size, size);
        e.set_color(png::ColorType::Grayscale);
        e.set_depth(png::BitDepth::Eight);
        let d: Vec<u8> = k.image.pixels().iter().map(|p| (p / 257) as u8).collect();
        e.write_header().unwrap().write_image_data(&d).unwrap();
    };
    for s in 0..count {
        let side = if s % 2 == 0 { Side::Left } else { Side::Right };
        if mode == "graded" {
            for g in 0..5 {
                let k = phantom::render_graded(1, s * 5 + u64::from(g), side, g, size);
                save(&k, format!("g{g}-{s:04}"));
                total += 1;
            }
        } else {
            for side in Side::BOTH {
                let k = phantom::render(1, s, side, size);
                save(&k, format!("{s:05}{side}"));
                total += 1;
            }
        }
    }
    eprintln!("{:.2} ms an image", start.elapsed().as_secs_f64() * 1e3 / f64::from(total));
}
