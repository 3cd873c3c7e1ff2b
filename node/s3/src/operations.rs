use mucura_s3_wire::request::OperationName;

use crate::website::VISIT;

/// The names that requests are counted under, for
/// [`mucura_telemetry::Metrics::new`].
pub fn operation_names() -> Vec<&'static str> {
    let served = OperationName::ALL.iter().filter(|name| name.is_served()).map(|name| name.as_str());
    served.chain([VISIT]).collect()
}
