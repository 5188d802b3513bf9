package dev.buildplane.schema;

import dev.cel.bundle.Cel;
import dev.cel.bundle.CelBuilder;
import dev.cel.bundle.CelFactory;
import dev.cel.common.CelOptions;
import dev.cel.common.CelValidationException;
import dev.cel.extensions.CelExtensions;
import dev.cel.extensions.CelListsExtensions;
import dev.cel.extensions.CelStringExtensions;
import dev.cel.parser.CelStandardMacro;
import dev.cel.runtime.CelEvaluationException;
import dev.cel.runtime.CelStandardFunctions;
import java.util.EnumSet;
import java.util.function.UnaryOperator;

/// A CEL environment: which functions, macros and variables an expression may use. Immutable and safe for concurrent use.
///
/// Every dialect holds the CEL standard, optional types, the extension libraries strings, math, encoders, lists, sets,
/// bindings and two-variable comprehensions, and the Kubernetes libraries (lists, regex, URL, IP and CIDR, quantity,
/// format, semver) as the Kubernetes documentation on CEL describes them. Numbers of different types compare.
///
/// Bounds: [#MAX_ITERATIONS] comprehension steps per evaluation, [#MAX_EXPRESSION] code points per expression, 1 Mi
/// characters per text and 100,000 entries per list that a function makes. Regular expressions run in linear time.
public final class CelDialect {
  /// Comprehension steps one evaluation may take.
  public static final int MAX_ITERATIONS = 200_000;

  /// Code points one expression may have.
  public static final int MAX_EXPRESSION = 65_536;

  /// Levels of nesting one expression may have.
  static final int MAX_DEPTH = 100;

  private final Cel cel;

  private CelDialect(Cel cel) {
    this.cel = cel;
  }

  /// The dialect of CustomResourceDefinition rules without variables. The first call takes about a second.
  public static CelDialect kubernetes() {
    return Standard.DIALECT;
  }

  /// This dialect and what `more` adds: variables, functions, macros, types.
  public CelDialect with(UnaryOperator<CelBuilder> more) {
    return new CelDialect(more.apply(cel.toCelBuilder()).build());
  }

  /// Checks and plans an expression. Takes some milliseconds: keep the program.
  ///
  /// @throws CelProblem of kind [CelProblem.Kind#COMPILE] with the first fault and its position
  public CelProgram compile(String expression) throws CelProblem {
    try {
      var tree = cel.compile(expression).getAst();
      return new CelProgram(expression, tree, cel.createProgram(tree));
    } catch (CelValidationException e) {
      var first = e.getErrors().getFirst();
      var at = first.getSourceLocation();
      throw new CelProblem(
          CelProblem.Kind.COMPILE,
          expression,
          Math.max(0, at.getLine()),
          at.getColumn() + 1,
          first.getMessage(),
          e);
    } catch (CelEvaluationException e) {
      throw new CelProblem(
          CelProblem.Kind.COMPILE, expression, 0, 0, String.valueOf(e.getMessage()), e);
    }
  }

  /// Built on first use.
  private static final class Standard {
    private static final CelDialect DIALECT = build();

    private static CelDialect build() {
      var options = CelOptions.current()
          .enableHeterogeneousNumericComparisons(true)
          .comprehensionMaxIterations(MAX_ITERATIONS)
          .maxExpressionCodePointSize(MAX_EXPRESSION)
          .maxParseRecursionDepth(MAX_DEPTH)
          .errorOnDuplicateMapKeys(true)
          .build();
      // functions that several libraries overload are declared once, in KubernetesFunctions, because the evaluator knows
      // one implementation per function name when types are dynamic; those that make values grow are in BoundedFunctions
      var strings = EnumSet.complementOf(EnumSet.of(
          CelStringExtensions.Function.INDEX_OF,
          CelStringExtensions.Function.LAST_INDEX_OF,
          CelStringExtensions.Function.REVERSE,
          CelStringExtensions.Function.JOIN,
          CelStringExtensions.Function.QUOTE,
          CelStringExtensions.Function.REPLACE));
      var lists = EnumSet.complementOf(
          EnumSet.of(CelListsExtensions.Function.REVERSE, CelListsExtensions.Function.RANGE));
      var library = new KubernetesFunctions();
      var cel = CelFactory.plannerCelBuilder()
          .setOptions(options)
          .setStandardFunctions(CelStandardFunctions.newBuilder()
              .excludeFunctions(CelStandardFunctions.StandardFunction.ADD)
              .build())
          .addFunctionBindings(BoundedFunctions.additions())
          .setStandardMacros(CelStandardMacro.STANDARD_MACROS)
          .addCompilerLibraries(
              CelExtensions.optional(),
              CelExtensions.strings(strings),
              CelExtensions.math(),
              CelExtensions.lists(lists),
              CelExtensions.sets(options),
              CelExtensions.comprehensions(),
              CelExtensions.bindings())
          .addRuntimeLibraries(
              CelExtensions.optional(),
              CelExtensions.strings(strings),
              CelExtensions.math(),
              CelExtensions.lists(lists),
              CelExtensions.sets(options),
              CelExtensions.comprehensions())
          .addFunctionDeclarations(library.declarations())
          .addFunctionBindings(library.bindings())
          .build();
      return new CelDialect(cel);
    }
  }
}
