package dev.buildplane.schema;

import static dev.buildplane.schema.FunctionSet.global;
import static dev.buildplane.schema.FunctionSet.member;
import static dev.cel.common.types.SimpleType.BOOL;
import static dev.cel.common.types.SimpleType.DOUBLE;
import static dev.cel.common.types.SimpleType.DYN;
import static dev.cel.common.types.SimpleType.INT;
import static dev.cel.common.types.SimpleType.STRING;

import com.google.re2j.Pattern;
import dev.cel.common.CelFunctionDecl;
import dev.cel.common.types.CelType;
import dev.cel.common.types.ListType;
import dev.cel.common.types.OptionalType;
import dev.cel.common.types.TypeParamType;
import dev.cel.runtime.CelFunctionBinding;
import dev.cel.runtime.CelFunctionOverload;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// The functions of the Kubernetes CEL libraries, as "Common Expression Language in Kubernetes" describes them, and
/// those of CEL's strings and lists libraries that several types share (`indexOf`, `lastIndexOf`, `reverse`, `format`).
///
/// A function that cannot answer throws [IllegalArgumentException], which the evaluator reports with its position.
final class KubernetesFunctions {
  /// Matches one `findAll` returns at most.
  static final int MAX_MATCHES = 10_000;

  private static final CelType QUANTITY = Opaque.OfQuantity.TYPE;
  private static final CelType FORMAT = Opaque.OfFormat.TYPE;
  private static final CelType SEMVER = Opaque.OfSemver.TYPE;
  private static final CelType STRINGS = ListType.create(STRING);

  private final FunctionSet functions = new FunctionSet();

  KubernetesFunctions() {
    texts();
    lists();
    NetworkFunctions.addTo(functions);
    quantities();
    comparisons();
    formats();
    BoundedFunctions.addTo(functions);
  }

  List<CelFunctionDecl> declarations() {
    return functions.declarations();
  }

  List<CelFunctionBinding> bindings() {
    return functions.bindings();
  }

  private void texts() {
    functions
        .add(
            "find",
            member(
                "string_find_string",
                STRING,
                STRING,
                String.class,
                STRING,
                String.class,
                (text, regex) -> {
                  var matcher = Pattern.compile(regex).matcher(text);
                  return matcher.find() ? matcher.group() : "";
                }))
        .add(
            "findAll",
            member(
                "string_find_all_string",
                STRINGS,
                STRING,
                String.class,
                STRING,
                String.class,
                (text, regex) -> findAll(text, regex, MAX_MATCHES)),
            member(
                "string_find_all_string_int",
                STRINGS,
                List.of(STRING, STRING, INT),
                List.of(String.class, String.class, Long.class),
                args -> findAll(
                    (String) args[0],
                    (String) args[1],
                    (Long) args[2] < 0
                        ? MAX_MATCHES
                        : (int) Math.min(MAX_MATCHES, (Long) args[2]))))
        .add(
            "format",
            member(
                "string_format_list",
                STRING,
                STRING,
                String.class,
                ListType.create(DYN),
                List.class,
                (template, arguments) -> StringFormat.format(template, (List<?>) arguments)));
  }

  private static List<String> findAll(String text, String regex, int limit) {
    var found = new ArrayList<String>();
    var matcher = Pattern.compile(regex).matcher(text);
    while (found.size() < limit && matcher.find()) {
      found.add(matcher.group());
    }
    return found;
  }

  private void lists() {
    var t = TypeParamType.create("T");
    var list = ListType.create(t);
    functions
        .add(
            "isSorted",
            member(
                "list_is_sorted",
                BOOL,
                list,
                List.class,
                values -> Lists.isSorted((List<?>) values)))
        .add("sum", member("list_sum", t, list, List.class, values -> Lists.sum((List<?>) values)))
        .add(
            "min",
            member("list_min", t, list, List.class, values -> Lists.extreme((List<?>) values, -1)))
        .add(
            "max",
            member("list_max", t, list, List.class, values -> Lists.extreme((List<?>) values, 1)))
        .add(
            "indexOf",
            member(
                "list_index_of",
                INT,
                list,
                List.class,
                t,
                Object.class,
                (values, one) -> Lists.indexOf((List<?>) values, one)),
            member(
                "text_index_of", INT, STRING, String.class, STRING, String.class, Texts::indexOf),
            member(
                "text_index_of_from",
                INT,
                List.of(STRING, STRING, INT),
                List.of(String.class, String.class, Long.class),
                args -> Texts.indexOf((String) args[0], (String) args[1], (Long) args[2])))
        .add(
            "lastIndexOf",
            member(
                "list_last_index_of",
                INT,
                list,
                List.class,
                t,
                Object.class,
                (values, one) -> Lists.lastIndexOf((List<?>) values, one)),
            member(
                "text_last_index_of",
                INT,
                STRING,
                String.class,
                STRING,
                String.class,
                Texts::lastIndexOf),
            member(
                "text_last_index_of_from",
                INT,
                List.of(STRING, STRING, INT),
                List.of(String.class, String.class, Long.class),
                args -> Texts.lastIndexOf((String) args[0], (String) args[1], (Long) args[2])))
        .add(
            "reverse",
            member(
                "text_reverse",
                STRING,
                STRING,
                String.class,
                text -> new StringBuilder(text).reverse().toString()),
            member(
                "list_of_reverse",
                list,
                list,
                List.class,
                values -> ((List<?>) values).reversed()));
  }

  private void quantities() {
    functions
        .add(
            "quantity",
            global(
                "string_to_quantity",
                QUANTITY,
                STRING,
                String.class,
                text -> new Opaque.OfQuantity(parsed(Quantity.parse(text), "quantity", text))))
        .add(
            "isQuantity",
            global(
                "is_quantity_string",
                BOOL,
                STRING,
                String.class,
                text -> Quantity.parse(text).isPresent()))
        .add("sign", member("quantity_sign", INT, QUANTITY, Opaque.OfQuantity.class, q ->
            (long) q.inner().amount().signum()))
        .add(
            "isInteger",
            member(
                "quantity_is_integer",
                BOOL,
                QUANTITY,
                Opaque.OfQuantity.class,
                q -> q.inner().isInteger()))
        .add(
            "asInteger",
            member("quantity_as_integer", INT, QUANTITY, Opaque.OfQuantity.class, q -> {
              if (!q.inner().isInteger()) {
                throw new IllegalArgumentException(
                    "cannot convert quantity " + q + " to an integer");
              }
              return q.inner().amount().longValueExact();
            }))
        .add(
            "asApproximateFloat",
            member(
                "quantity_as_float",
                DOUBLE,
                QUANTITY,
                Opaque.OfQuantity.class,
                q -> q.inner().amount().doubleValue()))
        .add(
            "add",
            arithmetic("quantity_add", (one, other) -> plus(one, other.inner().amount())),
            arithmeticInt("quantity_add_int", (one, other) -> plus(one, BigDecimal.valueOf(other))))
        .add(
            "sub",
            arithmetic(
                "quantity_sub", (one, other) -> plus(one, other.inner().amount().negate())),
            arithmeticInt(
                "quantity_sub_int",
                (one, other) -> plus(one, BigDecimal.valueOf(other).negate())));
  }

  private static Opaque.OfQuantity plus(Opaque.OfQuantity one, BigDecimal other) {
    return new Opaque.OfQuantity(new Quantity(one.inner().amount().add(other)));
  }

  private static FunctionSet.Overload arithmetic(
      String id, CelFunctionOverload.Binary<Opaque.OfQuantity, Opaque.OfQuantity> operation) {
    return member(
        id,
        QUANTITY,
        QUANTITY,
        Opaque.OfQuantity.class,
        QUANTITY,
        Opaque.OfQuantity.class,
        operation);
  }

  private static FunctionSet.Overload arithmeticInt(
      String id, CelFunctionOverload.Binary<Opaque.OfQuantity, Long> operation) {
    return member(id, QUANTITY, QUANTITY, Opaque.OfQuantity.class, INT, Long.class, operation);
  }

  private void comparisons() {
    functions
        .add(
            "semver",
            global(
                "string_to_semver",
                SEMVER,
                STRING,
                String.class,
                text -> new Opaque.OfSemver(parsed(Semver.parse(text), "semantic version", text))))
        .add(
            "isSemver",
            global(
                "is_semver_string",
                BOOL,
                STRING,
                String.class,
                text -> Semver.parse(text).isPresent()))
        .add(
            "major",
            member(
                "semver_major",
                INT,
                SEMVER,
                Opaque.OfSemver.class,
                v -> v.inner().major().longValueExact()))
        .add(
            "minor",
            member(
                "semver_minor",
                INT,
                SEMVER,
                Opaque.OfSemver.class,
                v -> v.inner().minor().longValueExact()))
        .add(
            "patch",
            member(
                "semver_patch",
                INT,
                SEMVER,
                Opaque.OfSemver.class,
                v -> v.inner().patch().longValueExact()))
        .add(
            "compareTo",
            member(
                "quantity_compare_to",
                INT,
                QUANTITY,
                Opaque.OfQuantity.class,
                QUANTITY,
                Opaque.OfQuantity.class,
                (a, b) -> (long) a.inner().compareTo(b.inner())),
            member(
                "semver_compare_to",
                INT,
                SEMVER,
                Opaque.OfSemver.class,
                SEMVER,
                Opaque.OfSemver.class,
                (a, b) -> (long) Integer.signum(a.inner().compareTo(b.inner()))))
        .add(
            "isGreaterThan",
            quantityTest("quantity_is_greater_than", (a, b) -> a.inner().compareTo(b.inner()) > 0),
            semverTest("semver_is_greater_than", (a, b) -> a.inner().compareTo(b.inner()) > 0))
        .add(
            "isLessThan",
            quantityTest("quantity_is_less_than", (a, b) -> a.inner().compareTo(b.inner()) < 0),
            semverTest("semver_is_less_than", (a, b) -> a.inner().compareTo(b.inner()) < 0));
  }

  private static FunctionSet.Overload quantityTest(
      String id, CelFunctionOverload.Binary<Opaque.OfQuantity, Opaque.OfQuantity> test) {
    return member(
        id, BOOL, QUANTITY, Opaque.OfQuantity.class, QUANTITY, Opaque.OfQuantity.class, test);
  }

  private static FunctionSet.Overload semverTest(
      String id, CelFunctionOverload.Binary<Opaque.OfSemver, Opaque.OfSemver> test) {
    return member(id, BOOL, SEMVER, Opaque.OfSemver.class, SEMVER, Opaque.OfSemver.class, test);
  }

  private void formats() {
    for (var format : NamedFormat.values()) {
      functions.add(
          "format." + format.functionName(),
          global("format_" + format.functionName(), FORMAT, _ -> new Opaque.OfFormat(format)));
    }
    functions
        .add(
            "format.named",
            global(
                "format_named",
                OptionalType.create(FORMAT),
                STRING,
                String.class,
                name -> NamedFormat.named(name).map(Opaque.OfFormat::new)))
        .add(
            "validate",
            member(
                "format_validate",
                OptionalType.create(STRINGS),
                FORMAT,
                Opaque.OfFormat.class,
                STRING,
                String.class,
                (format, text) -> format.inner().validate(text)));
  }

  /// @param what kind of value was expected
  /// @throws IllegalArgumentException when there is none
  static <T> T parsed(Optional<T> value, String what, String text) {
    return value.orElseThrow(
        () -> new IllegalArgumentException(what + " \"" + text + "\" is not valid"));
  }
}
