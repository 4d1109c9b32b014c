//! Fields that an answer has and no request of either version declares.

use super::Lens;
use crate::disclosure::Report;
use crate::failure::Failure;
use crate::json::Object;

/// Written back as they were read, such fields stay behind: legacy ignored them, and upstream may
/// refuse what its contract does not declare. Nothing is lost, so nothing is disclosed.
#[derive(Debug, Clone)]
pub struct ReadOnly {
    /// The fields.
    pub fields: Vec<String>,
}

impl Lens for ReadOnly {
    fn name(&self) -> &'static str {
        "read_only"
    }

    fn branches(&self) -> Vec<&'static str> {
        vec!["read_only.up.left_behind"]
    }

    fn up<'a>(
        &self,
        body: &mut Object<'a>,
        _: Option<&Object<'a>>,
        report: &mut Report,
    ) -> Result<(), Failure> {
        for field in &self.fields {
            if body.remove(field).is_some() {
                report.took("read_only.up.left_behind");
            }
        }
        Ok(())
    }
}
