"""The failure models themselves: from a prior and a chart to a blend of trees and hazards."""
