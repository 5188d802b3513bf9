package dev.buildplane.cli;

import java.util.regex.Pattern;

/// Commands in messages, complete with what reaches the same control plane, so that they run as pasted.
///
/// @param kubectl the start of a `kubectl` command on the control plane
/// @param options what a `buildplane` command needs after its own arguments; empty or starting with a space
/// @param agentUrl where agents dial the gateway; a pattern to fill in where that is not known
record ShownCommands(String kubectl, String options, String agentUrl) {
  static final String UNKNOWN_AGENT_URL = "wss://GATEWAY:8443/ws";

  private static final Pattern PLAIN = Pattern.compile("[A-Za-z0-9_./:=@%+,-]+");

  String kubectl(String arguments) {
    return kubectl + " " + arguments;
  }

  String buildplane(String arguments) {
    return "buildplane " + arguments + options;
  }

  /// A word as a POSIX shell reads it back.
  static String quote(String word) {
    return PLAIN.matcher(word).matches() ? word : "'" + word.replace("'", "'\\''") + "'";
  }
}
