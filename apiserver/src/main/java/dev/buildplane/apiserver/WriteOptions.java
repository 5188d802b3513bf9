package dev.buildplane.apiserver;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/// How a write was asked for, and what it wants to tell besides its answer. One request, one thread.
final class WriteOptions {
  /// `fieldValidation` of a request.
  enum Validation {
    IGNORE,
    WARN,
    STRICT
  }

  /// Warnings in one answer.
  private static final int MAX_WARNINGS = 50;
  private static final int MAX_MANAGER_CHARS = 128;

  private final boolean dryRun;
  private final String fieldManager;
  private final Validation validation;
  private final boolean force;
  private final Set<String> warnings = new LinkedHashSet<>();

  private WriteOptions(boolean dryRun, String fieldManager, Validation validation, boolean force) {
    this.dryRun = dryRun;
    this.fieldManager = fieldManager;
    this.validation = validation;
    this.force = force;
  }

  /// @param userAgent stands in for the field manager when none is named, up to its first `/`
  /// @throws ApiProblem 400 for values that Kubernetes refuses
  static WriteOptions of(Query query, String userAgent) {
    for (var value : query.all("dryRun")) {
      if (!value.equals("All")) {
        throw ApiProblem.badRequest(
            "dryRun: Unsupported value: \"" + value + "\": supported values: \"All\"");
      }
    }
    var manager = query.text("fieldManager");
    if (manager.length() > MAX_MANAGER_CHARS) {
      throw ApiProblem.badRequest(
          "fieldManager: Too long: may not be more than " + MAX_MANAGER_CHARS + " bytes");
    }
    var validation = switch (query.text("fieldValidation")) {
      case "", "Warn" -> Validation.WARN;
      case "Ignore" -> Validation.IGNORE;
      case "Strict" -> Validation.STRICT;
      default ->
        throw ApiProblem.badRequest(
            "fieldValidation: Unsupported value: \"" + query.text("fieldValidation")
                + "\": supported values: \"Ignore\", \"Strict\", \"Warn\"");
    };
    return new WriteOptions(
        query.has("dryRun"),
        manager.isEmpty() ? agentName(userAgent) : manager,
        validation,
        query.flag("force"));
  }

  /// For the server's own writes.
  static WriteOptions internal() {
    return new WriteOptions(false, "buildplane-apiserver", Validation.IGNORE, false);
  }

  private static String agentName(String userAgent) {
    var slash = userAgent.indexOf('/');
    var name = slash < 0 ? userAgent : userAgent.substring(0, slash);
    return name.isBlank()
        ? "unknown"
        : name.substring(0, Math.min(name.length(), MAX_MANAGER_CHARS));
  }

  boolean dryRun() {
    return dryRun;
  }

  String fieldManager() {
    return fieldManager;
  }

  Validation validation() {
    return validation;
  }

  boolean force() {
    return force;
  }

  void warn(String text) {
    if (warnings.size() < MAX_WARNINGS) {
      warnings.add(text);
    }
  }

  List<String> warnings() {
    return new ArrayList<>(warnings);
  }
}
