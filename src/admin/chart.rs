//! Lines of numbers over time, as SVG drawn here: no script draws anything.

use maud::{Markup, PreEscaped, html};
use plotters::prelude::*;

/// Width of a sparkline, pixels.
const WIDTH: u32 = 120;
/// Its height.
const HEIGHT: u32 = 24;

/// A small line of values; `says` is what it shows, for those who do not see it.
pub fn sparkline(values: &[u64], says: &str) -> Markup {
    if values.len() < 2 {
        return html! { span.quiet { "–" } };
    }
    match drawn(values) {
        Some(svg) => {
            html! { span.spark role="img" aria-label=(says) title=(says) { (PreEscaped(svg)) } }
        }
        None => html! { span.quiet { (says) } },
    }
}

fn drawn(values: &[u64]) -> Option<String> {
    let mut svg = String::new();
    let top = values.iter().copied().max().unwrap_or(0).max(1);
    {
        let area = SVGBackend::with_string(&mut svg, (WIDTH, HEIGHT)).into_drawing_area();
        let mut chart = ChartBuilder::on(&area)
            .margin(1)
            .build_cartesian_2d(0..values.len().saturating_sub(1), 0..top)
            .ok()?;
        let line = values.iter().copied().enumerate();
        chart
            .draw_series(AreaSeries::new(line.clone(), 0, RGBColor(46, 107, 158).mix(0.15)))
            .ok()?;
        chart.draw_series(LineSeries::new(line, &RGBColor(46, 107, 158))).ok()?;
        area.present().ok()?;
    }
    Some(svg)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_drawn_and_says_what_it_shows() {
        let text = sparkline(&[0, 5, 3, 9], "records <a day>").into_string();
        assert!(text.contains("<svg") && text.contains("polyline"), "{text}");
        assert!(text.contains("records &lt;a day&gt;") && !text.contains("<a day>"));
        assert!(!text.contains("<script"));
        assert!(sparkline(&[1], "one").into_string().contains('–'));
        assert!(sparkline(&[0, 0, 0], "none").into_string().contains("<svg"));
    }
}
