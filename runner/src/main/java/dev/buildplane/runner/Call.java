package dev.buildplane.runner;

import java.util.Map;

/// One use of a template, giving one node.
///
/// @param node full name of the node
/// @param display its short name
/// @param arguments given by the caller
/// @param boundary id of the steps or dag node it belongs to; empty for the root
/// @param attempt number of the try, from 0
record Call(
    String node,
    String display,
    Template template,
    Map<String, String> arguments,
    String boundary,
    int attempt) {
  Call {
    arguments = Map.copyOf(arguments);
  }
}
