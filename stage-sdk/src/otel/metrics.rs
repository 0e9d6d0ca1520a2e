//! The metrics of stages as OTLP has them.

use super::{attribute, scope};
use crate::telemetry::Observed;
use crate::telemetry::families::{Family, Kind, Point, Value, families};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint,
    ResourceMetrics, ScopeMetrics, Sum, metric, number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use std::time::{SystemTime, UNIX_EPOCH};

/// Nanoseconds since the epoch.
pub(super) fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    now.as_nanos().try_into().unwrap_or(u64::MAX)
}

/// What all stages have, each with its resource; counts since `begun`.
pub(super) fn request(
    stages: &[Observed],
    begun: u64,
    resource: impl Fn(&Observed) -> Resource,
) -> ExportMetricsServiceRequest {
    let (families, now) = (families(stages), now());
    let of_stage = |(at, stage): (usize, &Observed)| {
        let times = Times { begun, now };
        let metrics = families.iter().filter_map(|family| metric(family, at, stage, times));
        let scope_metrics =
            vec![ScopeMetrics { scope: scope(), metrics: metrics.collect(), ..Default::default() }];
        ResourceMetrics { resource: Some(resource(stage)), scope_metrics, ..Default::default() }
    };
    let resource_metrics = stages.iter().enumerate().map(of_stage).collect();
    ExportMetricsServiceRequest { resource_metrics }
}

#[derive(Clone, Copy)]
struct Times {
    begun: u64,
    now: u64,
}

/// A metric of one stage; none: it has no values now.
fn metric(family: &Family, at: usize, stage: &Observed, times: Times) -> Option<Metric> {
    let points: Vec<&Point> = family.points.iter().filter(|point| point.stage == at).collect();
    if points.is_empty() {
        return None;
    }
    let cumulative = AggregationTemporality::Cumulative as i32;
    let numbers = || points.iter().filter_map(|point| number(point, stage, times)).collect();
    let data = match family.kind {
        Kind::Counter => metric::Data::Sum(Sum {
            data_points: numbers(),
            aggregation_temporality: cumulative,
            is_monotonic: true,
        }),
        Kind::Gauge => metric::Data::Gauge(Gauge { data_points: numbers() }),
        Kind::Histogram => {
            let of = |point: &&Point| histogram(point, stage, times);
            let data_points = points.iter().filter_map(of).collect();
            metric::Data::Histogram(Histogram { data_points, aggregation_temporality: cumulative })
        }
    };
    let is_time = family.kind == Kind::Histogram
        || ["stage.lag.seconds", "stage.keys.blocked.age.max"].contains(&family.name);
    Some(Metric {
        name: family.name.to_owned(),
        description: family.help.to_owned(),
        unit: if is_time { "s".to_owned() } else { String::new() },
        data: Some(data),
        ..Metric::default()
    })
}

fn number(point: &Point, stage: &Observed, times: Times) -> Option<NumberDataPoint> {
    let value = match &point.value {
        Value::Count(count) => {
            number_data_point::Value::AsInt(i64::try_from(*count).unwrap_or(i64::MAX))
        }
        Value::Number(number) => number_data_point::Value::AsDouble(*number),
        Value::Histogram(_) => return None,
    };
    Some(NumberDataPoint {
        attributes: attributes(point, stage),
        start_time_unix_nano: times.begun,
        time_unix_nano: times.now,
        value: Some(value),
        ..NumberDataPoint::default()
    })
}

fn histogram(point: &Point, stage: &Observed, times: Times) -> Option<HistogramDataPoint> {
    let Value::Histogram(histogram) = &point.value else { return None };
    Some(HistogramDataPoint {
        attributes: attributes(point, stage),
        start_time_unix_nano: times.begun,
        time_unix_nano: times.now,
        count: histogram.counts.iter().sum(),
        sum: Some(histogram.sum.as_secs_f64()),
        bucket_counts: histogram.counts.to_vec(),
        explicit_bounds: crate::core::counts::Histogram::UP_TO.to_vec(),
        ..HistogramDataPoint::default()
    })
}

/// By the messaging conventions, where they have a name.
fn attributes(point: &Point, stage: &Observed) -> Vec<KeyValue> {
    let mut all = vec![
        attribute("stage", &stage.stage),
        attribute("messaging.consumer.group.name", &stage.group),
        attribute("messaging.destination.name", &stage.topic),
    ];
    all.extend(point.label.as_ref().map(|(name, value)| match *name {
        "partition" => attribute("messaging.destination.partition.id", value),
        name => attribute(name, value),
    }));
    all
}
