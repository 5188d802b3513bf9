package dev.buildplane.schema;

import java.util.List;
import org.jspecify.annotations.Nullable;

/// One entry of `x-kubernetes-validations` as written.
///
/// @param at the path of the entry in the schema, for example `properties[spec].x-kubernetes-validations[0]`
/// @param message what to tell; null means the rule itself
/// @param messageExpression a CEL expression that yields the message; null when there is none
/// @param optionalOldSelf whether the rule also runs on creation, with `oldSelf` an optional
/// @param fieldPath the field below this one that the error is about; empty for this one
record CelRule(
    String at,
    String rule,
    @Nullable String message,
    @Nullable String messageExpression,
    FieldError.Type reason,
    boolean optionalOldSelf,
    List<String> fieldPath) {}
