//! The figures of the node and the process, for scrapers.

use http::header::ACCEPT;
use strongroom_service::Family;

use super::{Access, Admin, Answered, Call, Problem, Route};
use crate::observe::metrics::Exposition;
use crate::observe::{build, process, start_time};

pub(super) const ROUTES: &[Route] = &[Route {
    method: "GET",
    path: "/metrics",
    access: Access::Open,
    handler: |admin, call| Box::pin(async move { scrape(admin, &call) }),
}];

fn scrape(admin: &Admin, call: &Call<'_>) -> Result<Answered, Problem> {
    let exposition = Exposition::wanted_by(call.headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()));
    let text = exposition.encode(families(admin)).map_err(|error| Problem::Failed(error.to_string()))?;
    Ok(Answered::text(exposition.content_type(), text))
}

fn families(admin: &Admin) -> Vec<Family> {
    let mut families = admin.node.metrics();
    families.extend(admin.sinks.families());
    if let Some(tls) = &admin.tls {
        #[expect(clippy::cast_precision_loss, reason = "a date in seconds")]
        let not_after = tls.validity().not_after_seconds as f64;
        families.push(Family::gauge(
            "strongroom_certificate_not_after_seconds",
            "When the TLS certificate in use expires, since the epoch",
            not_after,
        ));
    }
    families.push(build(admin.mode.name()));
    families.push(start_time(admin.started.elapsed().as_secs_f64()));
    families.extend(process());
    families
}
