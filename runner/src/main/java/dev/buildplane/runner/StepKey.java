package dev.buildplane.runner;

/// Which step of which workflow.
///
/// @param workflowUid of the workflow object
/// @param nodeId of its node
record StepKey(String workflowUid, String nodeId) {
  StepKey {
    Names.safe(workflowUid);
    Names.safe(nodeId);
  }
}
