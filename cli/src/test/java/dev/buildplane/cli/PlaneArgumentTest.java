package dev.buildplane.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.buildplane.model.PlaneKind;
import dev.buildplane.model.PlaneRef;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class PlaneArgumentTest {
  @ParameterizedTest
  @CsvSource({
    "eu, , CLUSTER_BUILD, ",
    "eu, prod, BUILD, prod",
    "cbp/eu, , CLUSTER_BUILD, ",
    "ClusterDataPlane/eu, , CLUSTER_DATA, ",
    "dataplanes/eu, prod, DATA, prod",
    "buildplane/prod/eu, other, BUILD, prod"
  })
  void aPlaneIsTypedAsKubectlUsersType(
      String text, String namespace, PlaneKind kind, String inside) {
    assertThat(PlaneArgument.parse(text, namespace)).isEqualTo(new PlaneRef(kind, inside, "eu"));
  }

  @ParameterizedTest
  @EnumSource
  void whatIsPrintedIsReadBack(PlaneKind kind) {
    var plane = new PlaneRef(kind, kind.clusterScoped() ? null : "prod", "eu");

    assertThat(PlaneArgument.parse(PlaneArgument.typed(plane), null)).isEqualTo(plane);
  }

  @ParameterizedTest
  @ValueSource(strings = {"pod/eu", "a/b/c/d", "", "cbp/"})
  void anythingElseIsAUsageErrorThatListsTheKinds(String text) {
    assertThatThrownBy(() -> PlaneArgument.parse(text, null))
        .isInstanceOf(CliProblem.class)
        .hasMessageContaining("clusterbuildplane")
        .extracting(problem -> ((CliProblem) problem).exitCode())
        .isEqualTo(ExitCode.USAGE);
  }

  @Test
  void aNamespacedPlaneNeedsItsNamespace() {
    assertThatThrownBy(() -> PlaneArgument.parse("buildplane/eu", null))
        .hasMessageContaining("--namespace");
  }
}
