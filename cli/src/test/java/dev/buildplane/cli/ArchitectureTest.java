package dev.buildplane.cli;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// The module arrows of ARCHITECTURE.md. A module missing here fails; so does an arrow that is not listed.
class ArchitectureTest {
  private static final String ROOT = "dev.buildplane.";

  private static final JavaClasses PRODUCT = new ClassFileImporter()
      .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
      .importPackages("dev.buildplane");

  private static final Map<String, Set<String>> MAY_KNOW = Map.ofEntries(
      Map.entry("metrics", Set.of()),
      Map.entry("tracing", Set.of()),
      Map.entry("pki", Set.of()),
      Map.entry("http", Set.of("pki")),
      Map.entry("store", Set.of()),
      Map.entry("schema", Set.of()),
      Map.entry("patch", Set.of()),
      Map.entry("tunnel", Set.of()),
      Map.entry("model", Set.of()),
      Map.entry("plan", Set.of("model")),
      Map.entry("render", Set.of("schema", "model")),
      Map.entry("testkit", Set.of("pki")),
      Map.entry("apiserver", Set.of("store", "http", "schema", "patch", "pki")),
      Map.entry("gateway", Set.of("model", "tunnel", "http", "pki", "metrics", "tracing")),
      Map.entry("agent", Set.of("tunnel", "http", "pki", "metrics", "tracing")),
      Map.entry("operator", Set.of("model", "plan", "render", "pki", "metrics")),
      Map.entry("runner", Set.of()),
      Map.entry(
          "cli",
          Set.of(
              "model",
              "plan",
              "render",
              "http",
              "store",
              "apiserver",
              "gateway",
              "agent",
              "operator",
              "runner",
              "metrics",
              "tracing",
              "pki")));

  private static final Set<String> PURE = Set.of("model", "plan", "render", "schema", "patch");

  static Stream<String> modules() {
    return MAY_KNOW.keySet().stream().sorted();
  }

  static Stream<String> pureModules() {
    return PURE.stream().sorted();
  }

  @Test
  void everyModuleHasARow() {
    var found = PRODUCT.stream()
        .map(type -> type.getPackageName().substring(ROOT.length()))
        .filter(module -> !module.equals("testkit"))
        .distinct();

    assertThat(found).allSatisfy(module -> assertThat(MAY_KNOW).containsKey(module));
  }

  @ParameterizedTest
  @MethodSource("modules")
  void knowsOnlyWhatItMay(String module) {
    var allowed = MAY_KNOW.get(module);
    var forbidden = DescribedPredicate.<JavaClass>describe(
        "a module it may not know",
        type -> type.getPackageName().startsWith(ROOT)
            && !type.getPackageName().equals(ROOT + module)
            && !allowed.contains(type.getPackageName().substring(ROOT.length())));

    noClasses()
        .that()
        .resideInAPackage(ROOT + module)
        .should()
        .dependOnClassesThat(forbidden)
        .because("ARCHITECTURE.md: the arrows")
        .allowEmptyShould(true)
        .check(PRODUCT);
  }

  @Test
  void openTelemetryIsKnownInOnePlace() {
    noClasses()
        .that()
        .resideOutsideOfPackages(ROOT + "tracing", ROOT + "testkit")
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage("io.opentelemetry..")
        .because("docs/adr/0008: who does not trace loads none of it")
        .check(PRODUCT);
  }

  @ParameterizedTest
  @MethodSource("pureModules")
  void planIsPure(String module) {
    noClasses()
        .that()
        .resideInAPackage(ROOT + module)
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(
            "io.fabric8.kubernetes.client.http..",
            "io.netty..",
            "java.net.http..",
            "java.sql..",
            "org.slf4j..")
        .because("ARCHITECTURE.md: deciding is pure")
        .allowEmptyShould(true)
        .check(PRODUCT);
  }
}
