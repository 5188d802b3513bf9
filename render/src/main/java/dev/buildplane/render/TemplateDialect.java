package dev.buildplane.render;

import dev.buildplane.schema.CelDialect;
import dev.cel.bundle.CelBuilder;
import dev.cel.common.CelFunctionDecl;
import dev.cel.common.CelOverloadDecl;
import dev.cel.common.ast.CelExpr;
import dev.cel.common.types.CelType;
import dev.cel.common.types.ListType;
import dev.cel.common.types.SimpleType;
import dev.cel.parser.CelMacro;
import dev.cel.parser.CelMacroExprFactory;
import dev.cel.runtime.CelFunctionBinding;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// CEL as templates speak it: variables `metadata`, `parameters` and `externalRefs`, and the `oc_` functions.
final class TemplateDialect {
  private static final CelType DYN = SimpleType.DYN;
  private static final CelType LIST = ListType.create(DYN);

  private TemplateDialect() {}

  /// The dialect; the first call takes about a second.
  static CelDialect get() {
    return Holder.DIALECT;
  }

  private static final class Holder {
    private static final CelDialect DIALECT = CelDialect.kubernetes().with(TemplateDialect::extend);
  }

  private static CelBuilder extend(CelBuilder cel) {
    declare(
        cel,
        "oc_omit",
        DYN,
        List.of(),
        CelFunctionBinding.from("oc_omit_", List.<Class<?>>of(), _ -> Omit.MARKER));
    declare(
        cel,
        "oc_hash",
        SimpleType.STRING,
        List.of(SimpleType.STRING),
        CelFunctionBinding.from("oc_hash_", String.class, NameParts::fnv1a));
    declare(
        cel,
        "oc_merge",
        DYN,
        List.of(LIST),
        CelFunctionBinding.from("oc_merge_", List.class, maps -> merge((List<?>) maps)));
    declare(
        cel,
        "oc_generate_name",
        SimpleType.STRING,
        List.of(LIST),
        CelFunctionBinding.from(
            "oc_generate_name_",
            List.class,
            parts -> NameParts.join(parts((List<?>) parts), NameParts.NAME)));
    declare(
        cel,
        "oc_dns_label",
        SimpleType.STRING,
        List.of(LIST),
        CelFunctionBinding.from(
            "oc_dns_label_",
            List.class,
            parts -> NameParts.join(parts((List<?>) parts), NameParts.LABEL)));
    return cel.addMacros(
            CelMacro.newGlobalVarArgMacro(
                "oc_merge", (factory, _, maps) -> Optional.of(mergeCall(factory, maps))),
            variadic("oc_generate_name"),
            variadic("oc_dns_label"))
        .addVar("metadata", DYN)
        .addVar("parameters", DYN)
        .addVar("externalRefs", DYN);
  }

  private static void declare(
      CelBuilder cel,
      String name,
      CelType result,
      List<CelType> arguments,
      CelFunctionBinding binding) {
    cel.addFunctionDeclarations(CelFunctionDecl.newFunctionDeclaration(
        name, CelOverloadDecl.newGlobalOverload(binding.getOverloadId(), result, arguments)));
    cel.addFunctionBindings(CelFunctionBinding.fromOverloads(name, binding));
  }

  /// A function of any number of arguments is one of a list of them.
  private static CelMacro variadic(String name) {
    return CelMacro.newGlobalVarArgMacro(
        name,
        (factory, _, parts) -> Optional.of(factory.newGlobalCall(name, factory.newList(parts))));
  }

  private static CelExpr mergeCall(CelMacroExprFactory factory, List<CelExpr> maps) {
    if (maps.size() < 2) {
      return factory.reportError("oc_merge takes two or more maps, found " + maps.size());
    }
    return factory.newGlobalCall("oc_merge", factory.newList(maps));
  }

  private static Map<Object, Object> merge(List<?> maps) {
    var merged = new LinkedHashMap<Object, Object>();
    for (var one : maps) {
      if (!(one instanceof Map<?, ?> map)) {
        throw new IllegalArgumentException("oc_merge takes maps, found " + name(one));
      }
      for (var entry : map.entrySet()) {
        if (!(entry.getKey() instanceof String)) {
          throw new IllegalArgumentException(
              "oc_merge takes maps with string keys, found " + name(entry.getKey()));
        }
        merged.put(entry.getKey(), entry.getValue());
      }
    }
    return merged;
  }

  /// Strings as they are; of a single list its strings.
  private static List<String> parts(List<?> arguments) {
    var parts = new ArrayList<String>();
    if (arguments.size() == 1 && arguments.getFirst() instanceof List<?> list) {
      list.forEach(entry -> {
        if (entry instanceof String text) {
          parts.add(text);
        }
      });
      return parts;
    }
    for (var argument : arguments) {
      if (!(argument instanceof String text)) {
        throw new IllegalArgumentException(
            "a name is made of strings or of one list of strings, found " + name(argument));
      }
      parts.add(text);
    }
    return parts;
  }

  /// The CEL name of a value's type.
  static String name(Object value) {
    return switch (value) {
      case String _ -> "string";
      case Boolean _ -> "bool";
      case Long _ -> "int";
      case Double _ -> "double";
      case List<?> _ -> "list";
      case Map<?, ?> _ -> "map";
      default -> value.getClass().getSimpleName();
    };
  }
}
