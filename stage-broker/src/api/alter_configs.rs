//! AlterConfigs: a topic's settings, all replaced at once.

use super::create_topics::{Refusal, check_config, storage};
use super::describe_configs::{BROKER, TOPIC, check_broker, topic};
use super::{Cx, code};
use crate::settings;
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::alter_configs_request::AlterConfigsResource;
use kafka_protocol::messages::alter_configs_response::AlterConfigsResourceResponse;
use kafka_protocol::messages::{AlterConfigsRequest, AlterConfigsResponse};
use kafka_protocol::protocol::StrBytes;
use std::collections::BTreeMap;

pub(super) async fn answer(cx: &mut Cx, request: AlterConfigsRequest) -> AlterConfigsResponse {
    let mut responses = Vec::with_capacity(request.resources.len());
    for resource in &request.resources {
        let altered = alter(cx, resource, request.validate_only);
        let (error, why) = said(cx, altered).await;
        let response = AlterConfigsResourceResponse::default()
            .with_resource_type(resource.resource_type)
            .with_resource_name(resource.resource_name.clone());
        responses.push(response.with_error_code(error).with_error_message(why));
    }
    AlterConfigsResponse::default().with_responses(responses)
}

/// What is answered when it may be: a code, and words for an error.
pub(super) async fn said(cx: &Cx, altered: Result<(), Refusal>) -> (i16, Option<StrBytes>) {
    let settled = match altered {
        Ok(()) => cx.node.flush.settled().await.map_err(storage),
        refused => refused,
    };
    match settled {
        Ok(()) => (0, None),
        Err((error, why)) => (code(error), Some(StrBytes::from_string(why))),
    }
}

fn alter(cx: &Cx, resource: &AlterConfigsResource, dry: bool) -> Result<(), Refusal> {
    let values = resource
        .configs
        .iter()
        .map(|config| (config.name.to_string(), config.value.as_deref().map(ToOwned::to_owned)));
    match resource.resource_type {
        TOPIC => {
            let topic = topic(&cx.node, &resource.resource_name)?;
            let mut configs = BTreeMap::new();
            for (name, value) in values {
                let value = check_config(&name, value)?;
                configs.insert(name, value);
            }
            if dry { Ok(()) } else { cx.node.configure_topic(&topic, configs).map_err(storage) }
        }
        BROKER => {
            check_broker(&resource.resource_name)?;
            let mut configs = BTreeMap::new();
            for (name, value) in values {
                let value = check_broker_config(&name, value)?;
                configs.insert(name, value);
            }
            if dry { Ok(()) } else { cx.node.configure_broker(configs).map_err(storage) }
        }
        other => {
            Err((ResponseError::InvalidRequest, format!("Resource type {other} has no settings.")))
        }
    }
}

/// The value of a broker's setting that can be changed while it runs, checked.
pub(super) fn check_broker_config(name: &str, value: Option<String>) -> Result<String, Refusal> {
    let refuse = |why| (ResponseError::InvalidRequest, why);
    let known = settings::broker(name)
        .filter(|known| settings::is_dynamic(known.name))
        .ok_or_else(|| refuse(format!("Cannot update these configs dynamically: {name}")))?;
    let value = value.ok_or_else(|| refuse(format!("{name} needs a value")))?;
    known.check(&value).map_err(|why| (ResponseError::InvalidConfig, why))?;
    Ok(value)
}
