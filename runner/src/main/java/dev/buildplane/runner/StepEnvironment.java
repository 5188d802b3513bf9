package dev.buildplane.runner;

import com.fasterxml.jackson.databind.JsonNode;
import dev.buildplane.runner.Action.StepOrder;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.UnaryOperator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Works out the environment of a step: the runner's settings, then `envFrom`, then `env`.
///
/// @param paths rewrites paths in the values that a template gives
record StepEnvironment(
    RunnerSettings settings, Lookup lookup, String namespace, UnaryOperator<String> paths) {
  private static final Pattern NAME = Pattern.compile("[A-Za-z_][A-Za-z0-9_]*");
  private static final Pattern REFERENCE = Pattern.compile("\\$?\\$\\(([-A-Za-z0-9_.]+)\\)");

  Map<String, String> of(JsonNode container, StepOrder order, String home) throws StepProblem {
    var environment = new LinkedHashMap<String, String>();
    environment.put("PATH", settings.path());
    environment.put("HOME", home);
    environment.put("LANG", "C.UTF-8");
    environment.put("HOSTNAME", order.podName());
    environment.putAll(settings.environment());
    for (var source : container.path("envFrom")) {
      environment.putAll(all(source));
    }
    for (var variable : container.path("env")) {
      var name = variable.path("name").asText();
      if (!NAME.matcher(name).matches()) {
        throw new StepProblem("env: expected a variable name, found \"" + name + "\"");
      }
      value(variable, order)
          .ifPresent(value -> environment.put(name, expand(paths.apply(value), environment)));
    }
    return environment;
  }

  /// Fills in `$(NAME)` for variables that exist; `$$(NAME)` stands for itself without the first dollar.
  static String expand(String text, Map<String, String> environment) {
    return REFERENCE.matcher(text).replaceAll(match -> {
      if (match.group().startsWith("$$")) {
        return Matcher.quoteReplacement(match.group().substring(1));
      }
      return Matcher.quoteReplacement(environment.getOrDefault(match.group(1), match.group()));
    });
  }

  private Map<String, String> all(JsonNode source) throws StepProblem {
    var isSecret = source.has("secretRef");
    var ref = source.path(isSecret ? "secretRef" : "configMapRef");
    if (ref.isMissingNode()) {
      throw new StepProblem("envFrom: expected secretRef or configMapRef");
    }
    var data = data(ref, isSecret);
    var values = new LinkedHashMap<String, String>();
    data.ifPresent(found -> found.forEach((key, value) -> {
      var name = source.path("prefix").asText() + key;
      if (NAME.matcher(name).matches()) {
        values.put(name, new String(value, StandardCharsets.UTF_8));
      }
    }));
    return values;
  }

  private Optional<Map<String, byte[]>> data(JsonNode ref, boolean isSecret) throws StepProblem {
    var name = ref.path("name").asText();
    var data = isSecret ? lookup.secret(namespace, name) : lookup.configMap(namespace, name);
    if (data.isEmpty() && !ref.path("optional").asBoolean()) {
      throw new StepProblem((isSecret ? "Secret" : "ConfigMap") + " \"" + name
          + "\" not found, but the environment needs it; create it or make the reference optional");
    }
    return data;
  }

  private Optional<String> value(JsonNode variable, StepOrder order) throws StepProblem {
    var source = variable.path("valueFrom");
    if (source.isMissingNode()) {
      return Optional.of(variable.path("value").asText());
    }
    if (source.has("fieldRef")) {
      return Optional.of(field(source.get("fieldRef").path("fieldPath").asText(), order));
    }
    var isSecret = source.has("secretKeyRef");
    var ref = source.path(isSecret ? "secretKeyRef" : "configMapKeyRef");
    if (ref.isMissingNode()) {
      throw new StepProblem(
          "env " + variable.path("name").asText()
              + ": expected valueFrom to be secretKeyRef, configMapKeyRef or fieldRef; others are not supported by this runner");
    }
    var key = ref.path("key").asText();
    var value = data(ref, isSecret).flatMap(found -> Optional.ofNullable(found.get(key)));
    if (value.isEmpty() && !ref.path("optional").asBoolean()) {
      throw new StepProblem((isSecret ? "Secret" : "ConfigMap") + " \""
          + ref.path("name").asText() + "\" has no key \"" + key + "\"");
    }
    return value.map(bytes -> new String(bytes, StandardCharsets.UTF_8));
  }

  private String field(String path, StepOrder order) throws StepProblem {
    return switch (path) {
      case "metadata.name" -> order.podName();
      case "metadata.namespace" -> namespace;
      default ->
        throw new StepProblem("env: fieldRef " + path + " is not supported by this runner");
    };
  }
}
