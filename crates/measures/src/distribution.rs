//! Distribution functions and quantiles: normal, Student's t, beta, F.

/// P(Z <= z) of the standard normal.
pub fn normal_cdf(z: f64) -> f64 {
    0.5 * libm::erfc(-z * std::f64::consts::FRAC_1_SQRT_2)
}

/// The z with P(Z <= z) = `p`, 0 < p < 1.
pub fn normal_quantile(p: f64) -> f64 {
    invert(normal_cdf, p, -40.0, 40.0)
}

/// P(T <= t) of Student's t with `df` > 0 degrees of freedom, not necessarily whole; infinite is the normal.
pub fn student_cdf(t: f64, df: f64) -> f64 {
    if df.is_infinite() {
        return normal_cdf(t);
    }
    let tail = 0.5 * beta_cdf(df / (df + t * t), 0.5 * df, 0.5);
    if t > 0.0 { 1.0 - tail } else { tail }
}

/// The t with P(T <= t) = `p`, 0 < p < 1.
pub fn student_quantile(p: f64, df: f64) -> f64 {
    invert(|t| student_cdf(t, df), p, -1e6, 1e6)
}

/// The x with P(X <= x) = `p` of the beta distribution with parameters `a`, `b` > 0.
pub fn beta_quantile(p: f64, a: f64, b: f64) -> f64 {
    invert(|x| beta_cdf(x, a, b), p, 0.0, 1.0)
}

/// The f with P(F <= f) = `p` of the F distribution with `a` and `b` degrees of freedom.
pub fn f_quantile(p: f64, a: f64, b: f64) -> f64 {
    let x = beta_quantile(p, 0.5 * a, 0.5 * b);
    b * x / (a * (1.0 - x))
}

/// The regularised incomplete beta function I_x(a, b).
pub fn beta_cdf(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return if x <= 0.0 { 0.0 } else { 1.0 };
    }
    let scale = libm::lgamma(a + b) - libm::lgamma(a) - libm::lgamma(b);
    let front = libm::exp(scale + a * libm::log(x) + b * libm::log1p(-x));
    // The fraction converges fast on this side of the mean, and the function is symmetric.
    if x < (a + 1.0) / (a + b + 2.0) {
        front * beta_fraction(x, a, b) / a
    } else {
        1.0 - front * beta_fraction(1.0 - x, b, a) / b
    }
}

/// The continued fraction of I_x(a, b) by Lentz's method (Abramowitz and Stegun 26.5.8).
fn beta_fraction(x: f64, a: f64, b: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let keep = |v: f64| if v.abs() < TINY { TINY } else { v };
    let mut d = 1.0 / keep(1.0 - (a + b) * x / (a + 1.0));
    let (mut c, mut value) = (1.0, d);
    for m in 1..2000 {
        let m = f64::from(m);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let before = value;
        for term in [even, odd] {
            d = 1.0 / keep(1.0 + term * d);
            c = keep(1.0 + term / c);
            value *= c * d;
        }
        if (value - before).abs() < 1e-15 * value.abs() {
            break;
        }
    }
    value
}

/// The place between `low` and `high` where the growing function `cdf` reaches `p`.
fn invert(cdf: impl Fn(f64) -> f64, p: f64, mut low: f64, mut high: f64) -> f64 {
    loop {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            return middle;
        }
        if cdf(middle) < p { low = middle } else { high = middle }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// R's qnorm, qt, qbeta and qf.
    #[test]
    fn quantiles_are_those_of_the_tables() {
        let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-8 * b.abs().max(1.0), "{a} {b}");
        near(normal_quantile(0.975), 1.959963984540054);
        near(student_quantile(0.975, 4.0), 2.776445105197793);
        near(student_quantile(0.95, 12.596), 1.775287150898603);
        near(beta_quantile(0.025, 3.0, 28.0), 0.02111713702972257);
        near(f_quantile(0.975, 5.0, 15.0), 3.576415349279061);
        near(student_cdf(-1.5, 7.0), 0.088649243494985);
    }
}
